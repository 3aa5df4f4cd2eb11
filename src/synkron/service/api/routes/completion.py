"""``POST /v1/runs/{run_id}/complete``: a target reports the outcome of a run that it accepted."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from synkron.delivery.completion import SQL, complete_run
from synkron.errors import NotAtHome
from synkron.model import Outcome, OutcomeKind, State
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.runtime import log
from synkron.service.api.answer import answer
from synkron.service.api.problem import Problem
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts, Served
from synkron.settings.integrations.naming import section_of
from synkron.settings.redaction import Redaction
from synkron.settings.signing import Signing, is_signed

LARGEST_ID = 2**63 - 1
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
    responses=documented(Completed, 400, 401, 404, 409),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Completion.model_json_schema()}}},
        "security": [{"signature": []}],
    },
)
async def complete(
    request: Request, parts: Parts, connection: Db, run_id: Annotated[str, Path(pattern="^[0-9]{1,30}$")]
) -> Response:
    """Complete a run that a target accepted with 202. The request is signed as Standard Webhooks define it.

    1. Refuse a request without a signature. 2. Find the signing of the run's type. 3. Check the signature. 4. Check the
    body. 5. Complete the run.
    """
    if "webhook-signature" not in request.headers:
        raise Problem(401, "the request is not signed")
    body, number = await request.body(), int(run_id)
    signing = await _signing(connection, parts, number)
    now = await database_clock(connection)
    # The same answer for a run that does not exist: an unsigned caller must not learn which runs exist.
    if signing is None or not is_signed(signing.webhook, request.headers, body, now):
        raise Problem(401, WRONGLY_SIGNED)
    completion = _read(body)
    try:
        state = await complete_run(
            connection,
            parts.settings,
            number,
            key=completion.idempotency_key,
            attempt=completion.attempt,
            outcome=completion.as_outcome(parts.redaction),
        )
    except NotAtHome as error:
        log.warning("completion put off", run_id=number, reason=str(error))
        raise Problem(503, "this ledger is not at home; try again later") from None
    return answer(request, {"run_id": number, "state": state.value})


async def _signing(connection: Connection, parts: Served, run_id: int) -> Signing | None:
    """The signing of the run's type; None if it has none, or if there is no such run."""
    name = await connection.fetchval(SQL["integration_type"], min(run_id, LARGEST_ID))
    if name is not None and name not in parts.signings:
        log.warning(
            "completion refused",
            reason=f"there is no secret to check it; set {section_of(name)}.secret in synkron.toml",
        )
    return parts.signings.get(name)


def _read(body: bytes) -> Completion:
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise Problem(400, f"{where}: {fault['msg']}".splitlines()[0]) from None
