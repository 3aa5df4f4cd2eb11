"""The cookies of people's browsers, and the proof that a change was asked for on the dashboard's own pages."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations.access.provider_logins import LASTS
from synkron.operations.access.secret import SecretKind, is_secret
from synkron.operations.access.sessions import SESSION_LASTS
from synkron.service.api.parameters import check_known
from synkron.service.api.problem import Problem
from synkron.settings.api import ApiSettings

SAFE = ("GET", "HEAD", "OPTIONS")
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 100
MOST_SESSIONS = 5
# The field of a form, or the header of a script's request, that carries the form token.
FIELD, HEADER = "form_token", "x-form-token"
ELSEWHERE = "this may only be sent from the dashboard's own pages; reload the page, and send it again"


def is_over_tls(api: ApiSettings) -> bool:
    """Whether people reach the dashboard over TLS."""
    return (api.address or "").startswith("https://")


def sessions_of(request: Request, api: ApiSettings) -> list[str]:
    """The secrets of sessions that the browser sends, each once.

    Without TLS it sends several where another host of the domain has set a cookie of the same name.
    """
    name = _name("session", api)
    sent = [one.partition("=") for line in request.headers.getlist("cookie") for one in line.split(";")]
    values = [value.strip() for key, _, value in sent if key.strip() == name]
    return [one for one in dict.fromkeys(values) if is_secret(SecretKind.SESSION, one)][:MOST_SESSIONS]


def keep_session(response: Response, api: ApiSettings, secret: str) -> None:
    """Let the browser keep the session, for as long as it lasts."""
    _set(response, api, "session", secret, int(SESSION_LASTS.total_seconds()))


def drop_session(response: Response, api: ApiSettings) -> None:
    """Let the browser forget its session."""
    _set(response, api, "session", "", 0)


def provider_login_of(request: Request, api: ApiSettings) -> str:
    """The secret of the browser that began a login with the identity provider; nothing, if it began none."""
    return request.cookies.get(_name("login", api), "")


def keep_provider_login(response: Response, api: ApiSettings, secret: str) -> None:
    """Let the browser keep that secret until it comes back, from another site."""
    _set(response, api, "login", secret, int(LASTS.total_seconds()))


def drop_provider_login(response: Response, api: ApiSettings) -> None:
    """Let the browser forget it."""
    _set(response, api, "login", "", 0)


def form_token(session: str) -> str:
    """What a form of this session carries: other sites can neither read it nor make it."""
    return hmac.new(session.encode(), b"form", sha256).hexdigest()


async def check_form(request: Request, api: ApiSettings, session: str) -> None:
    """Raise a Problem (403) unless a page of this dashboard sent the request, which carries the session's token."""
    await session_of_form(request, api, [session])


async def session_of_form(request: Request, api: ApiSettings, sessions: Sequence[str]) -> str:
    """The one of the sessions that the form was sent in. Raises a Problem (403) as above."""
    check_origin(request, api)
    given = request.headers.get(HEADER) or dict(reversed(await _fields(request))).get(FIELD, "")
    for one in sessions:
        if hmac.compare_digest(given.encode(), form_token(one).encode()):
            return one
    raise Problem(403, ELSEWHERE)


def check_origin(request: Request, api: ApiSettings) -> None:
    """Raise a Problem (403) if a page of another site sent the request, or nobody says which one did."""
    site = request.headers.get("sec-fetch-site")
    own = api.address or f"http://{request.headers.get('host', '')}"
    # Browsers send the first, and scripts can't; those that do not know it send the origin with each POST.
    if not (site == "same-origin" if site is not None else request.headers.get("origin") == own):
        raise Problem(403, ELSEWHERE)


async def form_of(request: Request, *known: str) -> dict[str, str]:
    """The fields of a form, each of them ``known``. Of anything else, none.

    Raises a Problem (400), and RequestValidationError (422) for a field that is not known or comes twice.
    """
    fields = ImmutableMultiDict(await _fields(request))
    check_known("form", fields, known)
    return dict(fields)


async def _fields(request: Request) -> list[tuple[str, str]]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return []
    try:
        text = (await request.body()).decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(400, "the form can't be read") from None


def _set(response: Response, api: ApiSettings, what: str, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(what, api), value, max_age=seconds, path="/", secure=is_over_tls(api), httponly=True, samesite="lax"
    )


def _name(what: str, api: ApiSettings) -> str:
    """Over TLS, a name that no other host of the domain may set."""
    return f"__Host-synkron-{what}" if is_over_tls(api) else f"synkron-{what}"
