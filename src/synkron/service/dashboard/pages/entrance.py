"""Where people come in, and how they like to see things: /login and /preferences. What its forms do is in ``login``."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from synkron.postgres.clock import database_clock
from synkron.service.api.cookies import check_origin, form_of
from synkron.service.api.login import SAID
from synkron.service.api.parameters import Whatever
from synkron.service.api.served import Db, Parts
from synkron.service.dashboard.viewer import LANGUAGE, THEME, THEMES, plain_view, redirect
from synkron.service.dashboard.words import LANGUAGES

router = APIRouter(include_in_schema=False)
YEAR = 365 * 24 * 60 * 60


@router.get("/login")
async def login(
    request: Request,
    connection: Db,
    parts: Parts,
    _: Whatever,
    said: str = "",
    next: str = "/",  # noqa: A002
) -> Response:
    """Where people log in; ``said`` is why they are here again, and ``next`` where they wanted to go.

    Whoever comes in from elsewhere may bring parameters that others have added to the address.
    """
    return await _login_page(request, connection, parts, said=said if said in SAID else "", next=next)


@router.get("/login/{secret}")
async def login_link(request: Request, connection: Db, parts: Parts, secret: str, _: Whatever) -> Response:
    """What a one-time link leads to. It is used by the form there alone: programs open links, too."""
    return await _login_page(request, connection, parts, link=secret)


@router.post("/preferences")
async def preferences(request: Request, parts: Parts) -> Response:
    """Remember theme and language in this browser."""
    check_origin(request, parts.settings.api)
    form = await form_of(request, "theme", "language", "back", "quietly")
    response = Response(status_code=204) if "quietly" in form else redirect(form.get("back", "/"))
    for name, cookie, allowed in (("theme", THEME, THEMES), ("language", LANGUAGE, LANGUAGES)):
        value = form.get(name)
        if value in allowed:
            response.set_cookie(cookie, str(value), max_age=YEAR, path="/", httponly=True, samesite="lax")
    return response


async def _login_page(
    request: Request, connection: Db, parts: Parts, *, said: str = "", link: str = "", **values: object
) -> Response:
    view = plain_view(request, await database_clock(connection))
    has_provider = parts.provider is not None
    return view.page("login.html", 403 if said else 200, said=said, link=link, has_provider=has_provider, **values)
