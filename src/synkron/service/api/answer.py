"""Answers in JSON, and what the OpenAPI document says of them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from types import NoneType
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, create_model
from starlette.requests import Request
from starlette.responses import Response

from synkron.service.forms import in_json


def answer(request: Request, found: object, names: Mapping[str, str] | None = None, status: int = 200) -> Response:
    """What was found, as JSON; ``names`` as in ``in_json``. A caller that has it already (ETag) gets 304."""
    content = in_json(found, names).encode()
    if request.method not in ("GET", "HEAD"):
        return Response(content, status, media_type="application/json")
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, "application/json")


async def answer_beside(
    request: Request, make: Callable[[], object], names: Mapping[str, str] | None = None
) -> Response:
    """The same for what is large: it is made and written in a thread, while the loop delivers, and answers others."""
    return await asyncio.to_thread(lambda: answer(request, make(), names))


def joined(form: type[BaseModel], name: str, **more: Any) -> type[BaseModel]:  # noqa: ANN401  (types have nothing in common)
    """A form with more fields: the name of each, and its type."""
    fields: dict[str, Any] = {field: (kind, ...) for field, kind in more.items()}
    return create_model(name, __base__=form, **fields)


@cache
def form(noun: type, name: str = "") -> type[BaseModel]:
    """The form of a noun in JSON, made from its fields: see ``synkron.service.forms.held_by`` for the names."""
    hints = get_type_hints(noun)
    fields: dict[str, Any] = {}
    for one in dataclasses.fields(noun):
        hint = hints[one.name]
        kinds = get_args(hint) or (hint,)
        if timedelta in kinds:
            fields[f"{one.name}_ms"] = (int | None if NoneType in kinds else int, ...)
        else:
            fields[f"{name}_id" if name and one.name == "id" else one.name] = (_of(hint), ...)
        if one.name == "org_id":
            fields["org_name"] = (str | None, ...)
    return create_model(noun.__name__, **fields)


def _of(hint: Any) -> Any:  # noqa: ANN401  (types have nothing in common)
    """The type of a field in JSON: nouns within nouns are forms, too."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return form(hint)
    arguments = get_args(hint)
    if not arguments:
        return datetime if hint is datetime else hint
    origin = getattr(hint, "__origin__", None)
    if origin is None:  # a union
        joined = _of(arguments[0])
        for one in arguments[1:]:
            joined |= _of(one)
        return joined
    return origin[tuple(map(_of, arguments))] if len(arguments) > 1 else origin[_of(arguments[0])]
