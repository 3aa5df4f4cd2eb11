"""Problem details (RFC 9457): how the API says that something is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from synkron.errors import (
    Advice,
    Ambiguous,
    NotAtHome,
    NotFound,
    Refused,
    ServiceRoleRequired,
    SettingsError,
    SynkronError,
)
from synkron.operations.access.answers import KeyReused
from synkron.operations.access.secret import hide_secrets
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.runtime import log
from synkron.text import one_line

MEDIA_TYPE = "application/problem+json"
AWAY = "the database can't be reached; try again"
WORDS: Mapping[Advice, str] = {
    Advice.LIST_INTEGRATIONS: "`GET /v1/integrations` lists those there are.",
    Advice.LIST_RUNS: "`GET /v1/runs` lists those there are.",
    Advice.LIST_PAUSES: "`GET /v1/pauses` lists the active ones.",
    Advice.LIST_SILENCES: "`GET /v1/silences` lists the active ones.",
    Advice.LIST_INCIDENTS: "`GET /v1/incidents` lists the open ones; with `closed=true`, all of them.",
    Advice.LIST_OVERRIDES: "`GET /v1/overrides` lists those that have.",
    Advice.LIST_TOKENS: "`GET /v1/tokens` lists them.",
    Advice.LIST_PEOPLE: "Whoever administers the server can list them.",
    Advice.LIST_NODES: "`GET /v1/nodes` lists the processes.",
    Advice.LIST_FAULTS: "`GET /v1/integrations` says why.",
    Advice.SEE_HEALTH: "`GET /v1/health` shows the result.",
    Advice.SEE_UPCOMING: "`GET /v1/upcoming` shows what will be due.",
    Advice.NAME_TYPE: "Name one in `type`.",
    Advice.NAME_ORGANIZATION: "Name one in `org`.",
    Advice.NAME_FORMER_ORGANIZATION: "If one had it, name it in `org`.",
    Advice.NAME_INTEGRATION: "Name one in `integration_id`.",
    Advice.NAME_COPY: "Give the copy another in `installation`.",
    Advice.LEAVE_NAME_OUT: "Leave `installation` out, or correct the settings.",
    Advice.CHANGE_PERSON: "Whoever administers the server can change what they may.",
    Advice.REVOKE_FIRST: "Choose another `name`, or revoke it first: `POST /v1/tokens/revoke`.",
    Advice.RESUME_FIRST: "Resume it first: `POST /v1/pauses/resume` with `pause_ids` [{number}].",
    Advice.PAUSE_ANEW: (
        "To change it, end it with `POST /v1/pauses/resume` and `pause_ids` [{number}], and pause again."
    ),
    Advice.END_LATER: "Give a later `until`, or a duration in `for`.",
    Advice.EXPIRE_LATER: "Give a later `expires`.",
    Advice.BEGIN_LATER: "Give a later `from`.",
    Advice.END_BY: "Give {moment} or an earlier moment in `to`.",
    Advice.FEWER_RUNS: (
        "More than {most:,} runs need a larger `most`: look at them with `dry_run` first, or give a shorter range."
    ),
}


class Problem(Exception):
    """An answer that is no success: its status, and what is wrong, in a sentence. ``more`` are members of its own.

    ``error`` is the one that it tells of: pages have words of their own for its advice.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        more: Mapping[str, object] = MappingProxyType({}),
        error: SynkronError | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more
        self.error = error

    def content(self) -> bytes:
        """The problem as JSON."""
        title = HTTPStatus(self.status).phrase
        said = {"type": "about:blank", "title": title, "status": self.status, "detail": one_line(self.detail)}
        return json.dumps({**said, **self.more}).encode()

    def response(self) -> Response:
        """The whole answer."""
        return Response(self.content(), self.status, dict(self.headers), MEDIA_TYPE)


def problem_of(error: Exception, path: str) -> Problem:
    """What the API answers where an error ended a request. What is not a caller's fault is logged."""
    path = hide_secrets(path)  # a login link's, which may not be used up
    match error:
        case Problem():
            return error
        case Ambiguous():
            return _told(422, error, {"candidates": list(error.lines)})
        case SettingsError():
            return Problem(422, "; ".join(error.faults), more={"faults": list(error.faults)})
        case KeyReused():
            return _told(422, error)
        case NotFound():
            return _told(404, error)
        case NotAtHome() | ServiceRoleRequired():
            log.warning("request refused", path=path, reason=str(error))
            return _told(503, error)
        case Refused():
            return _told(409, error)
        case SynkronError() if isinstance(error, ValueError):  # a malformed expression, zone, instant or cursor
            return _told(422, error)
        case SynkronError() | TimeoutError() | OSError():
            return _away(error, path)
        case _ if isinstance(error, DRIVER_FAULTS):
            return _away(error, path)
        case _:
            log.error("request failed", path=path, exc_info=error)
            return Problem(500, "this is a fault in Synkron itself; its log says more")


def _told(status: int, error: SynkronError, more: Mapping[str, object] = MappingProxyType({})) -> Problem:
    return Problem(status, error.said(WORDS), more=more, error=error)


def _away(error: Exception, path: str) -> Problem:
    log.warning("request failed", path=path, reason=str(error) or type(error).__name__)
    return Problem(503, AWAY, {"Retry-After": "5"})
