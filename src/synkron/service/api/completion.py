"""``POST /v1/runs/{id}/complete``: a target reports the outcome of a run that it accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synkron.delivery.completion import SQL, complete_run
from synkron.errors import NotAtHome, Refused
from synkron.model import Outcome, OutcomeKind
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection, Pool
from synkron.runtime import log
from synkron.service.api.connection import body_of, in_json
from synkron.settings.integrations.naming import section_of
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.signing import Signing, is_signed

LONGEST_BODY = 16 * 1024
LARGEST_ID = 2**63 - 1
WRONGLY_SIGNED = "the signature is wrong, its timestamp is more than five minutes off, or there is no such run"
KINDS = {"succeeded": OutcomeKind.SUCCEEDED, "retryable": OutcomeKind.RETRYABLE, "failed": OutcomeKind.FINAL}


class Completion(BaseModel):
    """The body of the request."""

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


@dataclass(frozen=True, slots=True)
class CompletionEndpoint:
    """Answers completions. ``signings`` are those of the integration types, by name."""

    pool: Pool
    settings: Settings
    signings: Mapping[str, Signing]
    redaction: Redaction

    async def post(self, request: web.Request) -> web.Response:
        """Handle one completion.

        1. Refuse a request without a signature. 2. Read the body, up to 16 KiB. 3. Find the signing of the run's type.
        4. Check the signature. 5. Check the body. 6. Complete the run.
        """
        if "webhook-signature" not in request.headers:
            raise web.HTTPUnauthorized(reason="the request is not signed")
        body = await body_of(request)
        run_id = int(request.match_info["id"])
        async with self.pool.acquire() as connection:
            signing = await self._signing(connection, run_id)
            now = await database_clock(connection)
            # The same answer for a run that does not exist: an unsigned caller must not learn which runs exist.
            if signing is None or not is_signed(signing.webhook, request.headers, body, now):
                raise web.HTTPUnauthorized(reason=WRONGLY_SIGNED)
            completion = _read(body)
            try:
                state = await complete_run(
                    connection,
                    self.settings,
                    run_id,
                    key=completion.idempotency_key,
                    attempt=completion.attempt,
                    outcome=completion.as_outcome(self.redaction),
                )
            except NotAtHome as error:
                log.warning("completion put off", run_id=run_id, reason=str(error))
                raise web.HTTPServiceUnavailable(reason="this ledger is not at home; try again later") from None
            except Refused as error:
                raise web.HTTPConflict(reason=str(error)) from None
        return in_json({"run_id": run_id, "state": state.value})

    async def _signing(self, connection: Connection, run_id: int) -> Signing | None:
        """The signing of the run's type; None if it has none, or if there is no such run."""
        name = await connection.fetchval(SQL["integration_type"], min(run_id, LARGEST_ID))
        if name is not None and name not in self.signings:
            log.warning(
                "completion refused",
                reason=f"there is no secret to check it; set {section_of(name)}.secret in synkron.toml",
            )
        return self.signings.get(name)


def _read(body: bytes) -> Completion:
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise web.HTTPBadRequest(reason=f"{where}: {fault['msg']}".splitlines()[0]) from None
