"""``POST /v1/runs/{id}/complete``: a target says what came of a run that it accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synkron import ledger
from synkron.completion import SQL, UnknownRun, complete_run
from synkron.database import Pool
from synkron.errors import Refused
from synkron.model import Outcome, OutcomeKind
from synkron.settings import Settings
from synkron.targets import Redaction, Signing
from synkron.web.signature import is_signed

LONGEST_BODY = 16 * 1024
LONGEST_WAIT = 10.0
LARGEST_ID = 2**63 - 1
KINDS = {"succeeded": OutcomeKind.SUCCEEDED, "retryable": OutcomeKind.RETRYABLE, "failed": OutcomeKind.FINAL}

log = structlog.get_logger("synkron")


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
    """Answers completions. ``signings`` are the integration types' own, by name."""

    pool: Pool
    settings: Settings
    signings: Mapping[str, Signing]
    redaction: Redaction

    async def post(self, request: web.Request) -> web.Response:
        """One completion.

        1. Read the body, up to 16 KiB. 2. Find the run's type. 3. Check the signature with the type's secret.
        4. Check the body. 5. Complete the run.
        """
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(reason=f"the body was not there within {LONGEST_WAIT:g} s") from None
        run_id = int(request.match_info["id"])
        if "webhook-signature" not in request.headers:
            raise web.HTTPUnauthorized(reason="the request is not signed")
        async with self.pool.acquire() as connection:
            name = None if run_id > LARGEST_ID else await connection.fetchval(SQL["integration_type"], run_id)
            if name is None:
                raise web.HTTPNotFound(reason="there is no such run")
            now = await ledger.clock(connection)
            if not is_signed(self._signing(name).webhook, request.headers, body, now):
                raise web.HTTPUnauthorized(reason="the signature is wrong, or older or newer than five minutes")
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
            except UnknownRun as error:
                raise web.HTTPNotFound(reason=str(error)) from None
            except Refused as error:
                raise web.HTTPConflict(reason=str(error)) from None
        return web.json_response({"run_id": run_id, "state": state.value})

    def _signing(self, integration_type: str) -> Signing:
        found = self.signings.get(integration_type)
        if found is None:
            log.warning(
                "completion refused",
                reason=f"types.{integration_type} has no secret to check it with; set types.{integration_type}.secret",
            )
            raise web.HTTPForbidden(reason="completions of this integration type are not accepted here")
        return found


def _read(body: bytes) -> Completion:
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise web.HTTPBadRequest(reason=f"{where}: {fault['msg']}".splitlines()[0]) from None
