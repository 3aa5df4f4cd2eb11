"""What a change is asked with: a body in JSON, of which every member is known and has its type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.requests import Request

from synkron.service.api.parameters import LONGEST_ID, twice, twice_in
from synkron.service.api.problem import Problem
from synkron.text import LARGEST, LONGEST_TEXT, written, written_span


class Body(BaseModel):
    """A body: of strict types, and without members that are not known."""

    model_config = ConfigDict(strict=True, extra="forbid")


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(written)]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(written)]
Number = Annotated[int, Field(ge=1, le=LARGEST)]
Span = Annotated[
    str,  # a timedelta, once it is read
    AfterValidator(written_span),
    WithJsonSchema({"type": "string", "examples": ["30m", "24h", "7d"], "pattern": "^([0-9]{1,9}(ms|s|m|h|d))+$"}),
]

Asked = TypeVar("Asked", bound=Body)


def is_needed(body: type[Body]) -> bool:
    """Whether a request without a body can't be meant: a member is required."""
    return any(one.is_required() for one in body.model_fields.values())


def sent(body: type[Asked]) -> Callable[..., Awaitable[Asked]]:
    """A dependency that reads the body. Raises Problem (415) and RequestValidationError (422)."""

    async def read(request: Request) -> Asked:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        content = await request.body()
        if not content and not is_needed(body):
            content = b"{}"
        elif kind != "application/json":
            raise Problem(415, "send the body as application/json")
        if path := twice_in(content):
            raise twice("body", *path)
        try:
            return body.model_validate_json(content)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False, include_context=False)
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in faults]) from None

    return read
