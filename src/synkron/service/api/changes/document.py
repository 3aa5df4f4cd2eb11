"""What the OpenAPI document says of a change."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, create_model

from synkron.service.api.changes.body import Body, is_needed
from synkron.service.api.responses import documented

STATUSES = (401, 403, 404, 409, 422)


def outcome(name: str, base: type[BaseModel] | None = None, /, **more: Any) -> type[BaseModel]:  # noqa: ANN401  (types)
    """The form of an answer: whether it was a dry run, what ``base`` has, and more fields, each with its type."""
    fields: dict[str, Any] = {"dry_run": (bool, ...)} | {field: (kind, ...) for field, kind in more.items()}
    return create_model(name, __base__=base, **fields)


def changing(success: type[BaseModel], body: type[Body]) -> dict[str, Any]:
    """What the document says of a route that changes something: its answers, and the body that it takes."""
    content = {"application/json": {"schema": body.model_json_schema()}}
    return {
        "responses": documented(success, *STATUSES),
        "openapi_extra": {"requestBody": {"required": is_needed(body), "content": content}},
    }
