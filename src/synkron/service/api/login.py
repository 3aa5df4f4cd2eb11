"""Logins and the logout: what the forms of the login page are sent to. Each answer leads to a page.

A login that fails leads back to the login page, with ``said`` as the reason (``SAID``).
"""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from synkron.operations.access.sessions import LoggedIn, log_in_by_link, log_in_by_password, log_out
from synkron.runtime import log
from synkron.service.api.claims import LoginRefused
from synkron.service.api.cookies import (
    FIELD,
    check_origin,
    drop_provider_login,
    drop_session,
    form_of,
    keep_provider_login,
    keep_session,
    provider_login_of,
    session_of_form,
    sessions_of,
)
from synkron.service.api.deadline import may_take
from synkron.service.api.parameters import Whatever
from synkron.service.api.problem import Problem
from synkron.service.api.provider import ProviderAway
from synkron.service.api.served import Parts, Served

# Seconds for what is asked of the identity provider, each of which has a deadline of its own.
PROVIDER_WITHIN = 60.0
# Why somebody is at the login page again: the page has the words for each, in each language.
SAID = ("over", "several", "wrong", "used", "provider", "away")

router = APIRouter(include_in_schema=False)


@router.post("/login")
async def password(request: Request, parts: Parts) -> Response:
    """A name and a password (fields ``name``, ``password``), and where to go then (``next``)."""
    check_origin(request, parts.settings.api)
    form = await form_of(request, "name", "password", "next")
    address = client_address(request, parts)
    # Many logins at once wait here, without a connection, and leave those to completions.
    async with parts.passwords.one(), parts.pool.acquire() as connection:
        found = await log_in_by_password(connection, form.get("name", ""), form.get("password", ""), address)
    if found is None:
        log.warning("login refused", by="password", address=address)
        return _back("wrong", form.get("next"))
    return await _logged_in(request, parts, found, form.get("next"))


@router.post("/login/link")
async def link(request: Request, parts: Parts) -> Response:
    """A link of `synkron login` (field ``secret``). Its page has a button that sends this: programs open links, too."""
    check_origin(request, parts.settings.api)
    form = await form_of(request, "secret")
    async with parts.pool.acquire() as connection:
        found = await log_in_by_link(connection, form.get("secret", ""))
    if found is None:
        log.warning("login refused", by="link", address=client_address(request, parts))
        return _back("used")
    return await _logged_in(request, parts, found)


@router.get("/login/oidc")
async def provider(request: Request, parts: Parts, given: Whatever) -> Response:
    """To the identity provider. The browser that comes back must be this one.

    A provider that begins the login (OpenID Connect Core, 4) adds parameters of its own; ``next`` is ours.
    """
    if parts.provider is None:
        raise Problem(404, "Not Found")
    may_take(request, PROVIDER_WITHIN)
    try:
        address, browser = await parts.provider.begin(parts.pool, _own_page(given.get("next")))
    except ProviderAway as error:
        log.warning("login failed", reason=str(error))
        return _back("away")
    response = RedirectResponse(address, 303)
    keep_provider_login(response, parts.settings.api, browser)
    return response


@router.get("/login/callback")
async def callback(request: Request, parts: Parts, told: Whatever) -> Response:
    """Back from the identity provider, which may add parameters of its own (RFC 6749, 4.1.2)."""
    if parts.provider is None:
        raise Problem(404, "Not Found")
    may_take(request, PROVIDER_WITHIN)
    browser = provider_login_of(request, parts.settings.api)
    try:
        found, next_page = await parts.provider.end(parts.pool, told, browser)
    except (LoginRefused, ProviderAway) as error:
        log.warning("login refused", by="identity provider", reason=str(error))
        response = _back("away" if isinstance(error, ProviderAway) else "provider")
    else:
        response = await _logged_in(request, parts, found, next_page)
    drop_provider_login(response, parts.settings.api)
    return response


@router.post("/logout")
async def logout(request: Request, parts: Parts) -> Response:
    """End the session."""
    if sessions := sessions_of(request, parts.settings.api):
        session = await session_of_form(request, parts.settings.api, sessions)
        await form_of(request, FIELD)
        async with parts.pool.acquire() as connection:
            await log_out(connection, session)
    response = RedirectResponse("/login", 303)
    drop_session(response, parts.settings.api)
    return response


def client_address(request: Request, parts: Served) -> str:
    """The IP address of who asks: behind a proxy, what it appended last. What stands before it, anybody may send."""
    if parts.settings.api.behind_proxy:
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        if forwarded:
            return forwarded.rpartition(",")[2].strip()
    return request.client.host if request.client else ""


async def _logged_in(request: Request, parts: Served, found: LoggedIn, next_page: str | None = None) -> Response:
    """To where the person wanted to go, with a session that no one else has: one from before ends."""
    _, session = found
    for before in sessions_of(request, parts.settings.api):
        async with parts.pool.acquire() as connection:
            await log_out(connection, before)
    response = RedirectResponse(_own_page(next_page), 303)
    keep_session(response, parts.settings.api, session)
    return response


def _back(said: str, next_page: str | None = None) -> Response:
    address = f"/login?said={said}"
    if (page := _own_page(next_page)) != "/":
        address += f"&next={quote(page, safe='')}"
    return RedirectResponse(address, 303)


def _own_page(page: str | None) -> str:
    """The page, if it is one of this dashboard: never another site's."""
    return page if page and re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}", page) else "/"
