"""How people come in and leave, and how they like to see things: /login, /logout, /preferences."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations.access.sessions import log_in_by_link, log_in_by_password, log_out
from synkron.postgres.clock import database_clock
from synkron.service.api.access import COOKIE
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db
from synkron.service.dashboard.viewer import LANGUAGE, THEME, THEMES, View, plain_view, redirect
from synkron.service.dashboard.words import LANGUAGES

router = APIRouter(include_in_schema=False)
YEAR = 365 * 24 * 60 * 60


async def own_form(request: Request) -> FormData:
    """The fields of a form without a session, from one of our own pages. Raises a Problem (403) for any other one."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Problem(403, "send this form from the dashboard's own pages")
    return await request.form(max_files=0, max_fields=20)


OwnForm = Annotated[FormData, Depends(own_form, scope="function")]


@router.post("/preferences")
async def preferences(form: OwnForm) -> Response:
    """Remember theme and language in this browser."""
    response = Response(status_code=204) if "quietly" in form else redirect(str(form.get("back", "/")))
    for name, cookie, allowed in (("theme", THEME, THEMES), ("language", LANGUAGE, LANGUAGES)):
        value = form.get(name)
        if value in allowed:
            response.set_cookie(cookie, str(value), max_age=YEAR, path="/", httponly=True, samesite="lax")
    return response


@router.get("/login")
async def login(request: Request, connection: Db, next: str = "/") -> Response:  # noqa: A002 (the parameter's name)
    """Where people log in."""
    return await _login_page(request, connection, next)


@router.get("/login/{secret}")
async def login_link(request: Request, connection: Db, secret: str) -> Response:
    """What a one-time link leads to. It is used up by the form there alone: whatever loads links ahead must not."""
    return await _login_page(request, connection, "/", link=secret)


@router.post("/login")
async def log_in(request: Request, form: OwnForm, connection: Db) -> Response:
    """Log in by name and password."""
    name, to = str(form.get("name", "")), str(form.get("next", "/"))
    address = request.client.host if request.client else ""
    found = await log_in_by_password(connection, name, str(form.get("password", "")), address)
    if found is None:
        return await _login_page(request, connection, to, refusal="login.wrong", name=name)
    return _begun(found[1], to)


@router.post("/login/link")
async def log_in_with_link(request: Request, form: OwnForm, connection: Db) -> Response:
    """Log in by a one-time link."""
    found = await log_in_by_link(connection, str(form.get("secret", "")))
    if found is None:
        return await _login_page(request, connection, "/", refusal="login.used")
    return _begun(found[1], str(form.get("next", "/")))


@router.post("/logout")
async def leave(request: Request, view: View, form: OwnForm, connection: Db) -> Response:
    """End the session."""
    if str(form.get("form_token")) == view.form_token:
        await log_out(connection, request.cookies.get(COOKIE, ""))
    response = redirect("/login")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


async def _login_page(
    request: Request, connection: Db, to: str, *, link: str = "", refusal: str = "", name: str = ""
) -> Response:
    view = plain_view(request, await database_clock(connection))
    said = view.words.html(refusal) if refusal else ""
    return view.page(
        "login.html", 403 if refusal else 200, next=to, link=link, refusal=said, name_given=name, oidc=False
    )


def _begun(secret: str, to: str) -> Response:
    response = redirect(to)
    response.set_cookie(COOKIE, secret, path="/", httponly=True, samesite="lax")
    return response
