"""Problem details (RFC 9457): how the API says that something is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import Response

from synkron.errors import Ambiguous, NotAtHome, NotFound, Refused, ServiceRoleRequired, SettingsError, SynkronError
from synkron.operations.access.answers import KeyReused
from synkron.operations.access.secret import hide_secrets
from synkron.postgres.connection import DRIVER_FAULTS
from synkron.runtime import log
from synkron.text import one_line

MEDIA_TYPE = "application/problem+json"
AWAY = "the database can't be reached; try again"


class Problem(Exception):
    """An answer that is no success: its status, and what is wrong, in a sentence. ``more`` are members of its own."""

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        more: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more

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
            return Problem(422, str(error), more={"candidates": list(error.lines)})
        case SettingsError():
            return Problem(422, "; ".join(error.faults), more={"faults": list(error.faults)})
        case KeyReused():
            return Problem(422, str(error))
        case NotFound():
            return Problem(404, str(error))
        case NotAtHome() | ServiceRoleRequired():
            log.warning("request refused", path=path, reason=str(error))
            return Problem(503, str(error))
        case Refused():
            return Problem(409, str(error))
        case ValueError() if isinstance(error, SynkronError):  # a malformed expression, zone, instant or cursor
            return Problem(422, str(error))
        case SynkronError() | TimeoutError() | OSError():
            return _away(error, path)
        case _ if isinstance(error, DRIVER_FAULTS):
            return _away(error, path)
        case _:
            log.error("request failed", path=path, exc_info=error)
            return Problem(500, "this is a fault in Synkron itself; its log says more")


def _away(error: Exception, path: str) -> Problem:
    log.warning("request failed", path=path, reason=str(error) or type(error).__name__)
    return Problem(503, AWAY, {"Retry-After": "5"})
