"""The answers that the OpenAPI document promises."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from synkron.service.api.problem import MEDIA_TYPE


class ProblemDetails(BaseModel):
    """What is wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no run 4711. `GET /v1/runs` lists those there are."])


# What any route may answer: what is no HTTP, or has too large a head; limits on the body and the time for it; and a
# database that is away.
ALWAYS = (400, 408, 413, 415, 503)


def documented(success: type[BaseModel] | Any, *statuses: int) -> dict[int | str, dict[str, Any]]:  # noqa: ANN401
    """The ``responses`` of a route: its success, and a problem for each of the statuses."""
    problems: dict[int | str, dict[str, Any]] = dict.fromkeys((*statuses, *ALWAYS), PROBLEM)
    return {200: {"model": success, "description": "Done"}, **problems}


PROBLEM: dict[str, Any] = {
    "description": "A problem",
    "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
}
