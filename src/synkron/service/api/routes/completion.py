"""``POST /v1/runs/{run_id}/complete``: a target reports the outcome of a run that it accepted."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from synkron.delivery import completion
from synkron.errors import NotAtHome
from synkron.model import Outcome, OutcomeKind, State
from synkron.runtime import log
from synkron.service.api.answer import answer
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.parameters import ONCE, Number, twice_in
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Parts, Served
from synkron.settings.integrations.naming import section_of
from synkron.settings.redaction import Redaction
from synkron.settings.signing import is_signed
from synkron.text import one_line

WRONGLY_SIGNED = "the signature is wrong, its timestamp is more than five minutes off, or there is no such run"
KINDS = {"succeeded": OutcomeKind.SUCCEEDED, "retryable": OutcomeKind.RETRYABLE, "failed": OutcomeKind.FINAL}

router = APIRouter(tags=["targets"])


class Completion(BaseModel):
    """The outcome of an attempt."""

    model_config = ConfigDict(strict=True, extra="forbid")

    idempotency_key: Annotated[str, Field(max_length=100)]
    attempt: Annotated[int, Field(ge=1, le=2**31 - 1)]
    outcome: Literal["succeeded", "retryable", "failed"]
    error: str | None = None

    def as_outcome(self, redaction: Redaction) -> Outcome:
        """The outcome that the target reports."""
        kind = KINDS[self.outcome]
        if kind is OutcomeKind.SUCCEEDED:
            return Outcome(kind)
        return Outcome(kind, error=redaction.excerpt(self.error or "") or f"the target reported: {self.outcome}")


class Completed(BaseModel):
    """What became of the run."""

    run_id: int
    state: State


@router.post(
    "/v1/runs/{run_id}/complete",
    responses=documented(Completed, 401, 404, 409, 422),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Completion.model_json_schema()}}},
        "security": [{"signature": []}],
    },
)
async def complete(request: Request, parts: Parts, run_id: Number) -> Response:
    """Complete a run that a target accepted with 202. The request is signed as Standard Webhooks define it.

    1. Refuse a request without a signature. 2. Find the run's type. 3. Check the signature. 4. Check the body.
    5. Complete the run.
    """
    if "webhook-signature" not in request.headers:
        raise Problem(401, "the request is not signed")
    body = await request.body()
    found = await parts.completions.find(run_id)
    # The same answer for a run that does not exist: an unsigned caller must not learn which runs exist.
    if found is None or not _is_signed(request, body, found, parts):
        raise Problem(401, WRONGLY_SIGNED)
    may_take(request, LONG)  # it is recorded with many others, and must be told so: its retry would be refused
    told = _read(body)
    outcome = told.as_outcome(parts.redaction)
    try:
        state = await parts.completions.complete(
            completion.Completion(run_id, told.idempotency_key, told.attempt, outcome)
        )
    except NotAtHome as error:
        log.warning("completion put off", run_id=run_id, reason=str(error))
        raise Problem(503, "this ledger is not at home; try again later") from None
    except completion.RunLocked as error:
        log.warning("completion put off", run_id=run_id, reason=str(error))
        raise Problem(503, str(error), {"Retry-After": "5"}) from None
    return answer(request, {"run_id": run_id, "state": state.value})


def _is_signed(request: Request, body: bytes, found: completion.Found, parts: Served) -> bool:
    """Whether the request has a signature of the run's type. Without a secret, none is one."""
    signing = parts.signings.get(found.integration_type)
    if signing is None:
        log.warning(
            "completion refused",
            reason=f"there is no secret to check it; set {section_of(found.integration_type)}.secret in synkron.toml",
        )
        return False
    return is_signed(signing.webhook, request.headers, body, found.at)


def _read(body: bytes) -> Completion:
    if path := twice_in(body):
        raise Problem(400, f"{one_line('.'.join(map(str, path)))}: {ONCE}")
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise Problem(400, f"{where}: {fault['msg']}".splitlines()[0]) from None
