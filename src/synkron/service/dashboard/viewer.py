"""Who looks at a page, and how: language, theme, and what each template may ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from synkron.operations.access.actor import Actor, Permission
from synkron.postgres.clock import database_clock
from synkron.service.api.access import needs, visible
from synkron.service.api.cookies import form_token
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.served import Parts, opened
from synkron.service.dashboard import times
from synkron.service.dashboard.flash import FLASH, Flash, read_flash
from synkron.service.dashboard.rendering import templates
from synkron.service.dashboard.words import Words, language_of, words_of

LANGUAGE, THEME = "synkron_language", "synkron_theme"
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, at which moment of the database's clock, in which language and theme. Templates have it as ``view``.

    ``actor`` is None on the pages that nobody needs to log in for. ``form_token`` must come back with each form.
    """

    words: Words
    theme: str
    path: str
    query: Mapping[str, str]
    now: datetime
    actor: Actor | None = None
    form_token: str = ""
    flash: Flash | None = None
    zone: tzinfo = UTC

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """The page that the template makes of the values. A message that it shows is not shown again."""
        rendered = templates().get_template(template).render(view=self, **values, **self._shorthands())
        response = Response(rendered, status, media_type="text/html; charset=utf-8")
        if self.flash is not None:
            response.delete_cookie(FLASH, path="/", httponly=True, samesite="lax")
        return response

    def may(self, permission: str) -> bool:
        """Whether who looks has the permission: what they may not do is not offered."""
        return self.actor is not None and self.actor.permission.includes(Permission(permission))

    def may_see(self, org_id: str | None) -> bool:
        """Whether who looks may see the pages of this organization; None is wider than one."""
        return self.actor is not None and visible(self.actor, org_id)

    def may_change(self, org_id: str | None) -> bool:
        """Whether who looks may change what is of this organization, or wider."""
        return self.may("operate") and self.may_see(org_id)

    @property
    def is_tied(self) -> bool:
        """Whether who looks sees one organization alone."""
        return self.actor is not None and self.actor.org_id is not None

    def address(self, path: str | None = None, **changes: object) -> str:
        """A path with parameters; without a path, this page with some parameters changed, or None to leave one out."""
        query = (dict(self.query) if path is None else {}) | changes
        kept = {name: str(value) for name, value in query.items() if value not in (None, "")}
        return (path or self.path) + ("?" + urlencode(kept) if kept else "")

    def relative(self, at: datetime) -> str:
        """See ``times.relative``."""
        return times.relative(self.words, at, self.now)

    def clock(self, at: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
        """See ``times.clock``."""
        return times.clock(self.words, at, self.now, zone or self.zone, seconds=seconds)

    def both(self, at: datetime, zone: tzinfo | None = None) -> str:
        """See ``times.both``."""
        return times.both(self.words, at, self.now, zone or self.zone)

    def whole(self, at: datetime, zone: tzinfo | None = None) -> str:
        """See ``times.whole``."""
        return times.whole(self.words, at, zone or self.zone)

    def _shorthands(self) -> dict[str, object]:
        """What templates say often."""
        words = self.words
        return {
            "say": words.say,
            "html": words.html,
            "name": words.name,
            "number": words.number,
            "zone_name": times.zone_name,
            "is_utc": times.is_utc,
            "span": lambda length: times.span(words, length),
        }


def plain_view(request: Request, now: datetime, actor: Actor | None = None, *, session: str | None = None) -> Viewer:
    """The view of a request: of somebody who is not known, unless their session is given."""
    theme = request.cookies.get(THEME, "auto")
    chosen = request.cookies.get(LANGUAGE)
    return Viewer(
        words=words_of(language_of(chosen, request.headers.get("accept-language", ""))),
        theme=theme if theme in THEMES else "auto",
        path=request.url.path,
        query=dict(request.query_params),
        now=now,
        actor=actor,
        form_token=form_token(session) if session else "",
        flash=read_flash(request.cookies.get(FLASH)),
    )


def looking(permission: Permission = Permission.READ, *, fleet: bool = False) -> Callable[..., Awaitable[Viewer]]:
    """The view of who may look; see ``synkron.service.api.access.needs`` for whom that refuses."""
    whom: Actor = Depends(needs(permission, fleet=fleet), scope="function")

    async def view(request: Request, parts: Parts, actor: Actor = whom) -> Viewer:
        async with opened(parts) as connection:
            now = await database_clock(connection)
        return plain_view(request, now, actor, session=request.state.session)

    return view


View = Annotated[Viewer, Depends(looking(), scope="function")]
FleetView = Annotated[Viewer, Depends(looking(fleet=True), scope="function")]
OperatorView = Annotated[Viewer, Depends(looking(Permission.OPERATE), scope="function")]


async def posted(request: Request, _: OperatorView) -> FormData:
    """The fields of a form of this session, which was checked to be one. What is refused is told where it was sent."""
    form = await request.form(max_files=0)
    request.state.back = str(form.get("back", "/"))
    may_take(request, LONG)
    return form


Posted = Annotated[FormData, Depends(posted, scope="function")]


def ours(to: str) -> str:
    """A path that somebody asks for, if it is one of the dashboard; else the overview's."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"


def redirect(to: str, flash: Flash | None = None) -> Response:
    """Send the browser to a path of the dashboard, which shows the message once."""
    response = RedirectResponse(ours(to), 303)
    if flash is not None:
        response.set_cookie(FLASH, flash.as_cookie(), max_age=60, path="/", httponly=True, samesite="lax")
    return response
