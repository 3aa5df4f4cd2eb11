"""Who asks, and whether they may: a token (``Authorization: Bearer``) or a session's cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import Parameter, Signature
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from synkron.model import Scope
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.sessions import actors_of
from synkron.operations.access.tokens import actor_of_token
from synkron.operations.scope import no_organization
from synkron.postgres.connection import Connection, Executor
from synkron.reports.names.match import AskedScope
from synkron.reports.names.store import Resolved, resolve, resolve_within
from synkron.service.api.cookies import SAFE, check_form, sessions_of
from synkron.service.api.parameters import Text
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts, Served, opened
from synkron.settings.api import ApiSettings
from synkron.settings.load import Settings

UNKNOWN = "send a token that holds, as `Authorization: Bearer synkron_t_...`; `synkron token create` makes one"


async def asking(request: Request, parts: Parts) -> Actor:
    """Who asks. Raises a Problem: 401 where nobody does, 403 where another site makes a browser ask for a change.

    Its connection is returned at once: who then waits for a turn (``Heavy``) holds none.
    """
    found: Actor | None = None
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    session = None
    if scheme.lower() == "bearer":
        secret = secret.strip()
        async with opened(parts) as connection:
            found = await actor_of_token(connection, secret)
    elif not scheme and sessions_of(request, parts.settings.api):
        async with opened(parts) as connection:
            held = await held_session(request, connection, parts.settings.api)
        if held is not None:
            found, secret = held
            session = secret
    # The page of a problem is shown to them, too; and what answers for long asks again whether the secret holds.
    request.state.actor, request.state.secret, request.state.session = found, secret, session
    if session is not None and request.method not in SAFE:
        await check_form(request, parts.settings.api, session)
    if found is None:
        raise Problem(401, UNKNOWN, {"WWW-Authenticate": "Bearer"})
    return found


Asking = Annotated[Actor, Depends(asking, scope="function")]
# Of a router: who asks is known before it is told what there is to ask.
ASKED = [Depends(asking, scope="function")]


async def held_session(request: Request, connection: Executor, api: ApiSettings) -> tuple[Actor, str] | None:
    """Who has the session that the browser sends, and its secret; None if it sends several that hold.

    One of these another site has set, so that what somebody does would be done as somebody else.
    """
    sent = sessions_of(request, api)
    held = await actors_of(connection, sent) if sent else {}
    request.state.holding = len(held)  # the login page tells none from several
    if len(held) != 1:
        return None
    [(secret, actor)] = held.items()
    return actor, secret


def needs(permission: Permission, *, fleet: bool = False) -> Callable[..., Awaitable[Actor]]:
    """Answers who asks. Refuses (403) who has less than this permission, or one organization where it is of all."""

    async def allowed(actor: Asking) -> Actor:
        if not actor.permission.includes(permission):
            raise Problem(403, f"this needs the permission {permission}; {actor.name} has {actor.permission}")
        if fleet and actor.org_id is not None:
            raise Problem(403, f"this is about all organizations, and {actor.name} is tied to one")
        return actor

    # The matrix of routes by permissions is made from these.
    allowed.permission, allowed.fleet = permission, fleet  # type: ignore[attr-defined]
    return allowed


Reader = Annotated[Actor, Depends(needs(Permission.READ), scope="function")]
Operator = Annotated[Actor, Depends(needs(Permission.OPERATE), scope="function")]
FleetReader = Annotated[Actor, Depends(needs(Permission.READ, fleet=True), scope="function")]
FleetOperator = Annotated[Actor, Depends(needs(Permission.OPERATE, fleet=True), scope="function")]
Admin = Annotated[Actor, Depends(needs(Permission.ADMIN, fleet=True), scope="function")]


def naming(text: object, *names: str) -> Callable[..., Awaitable[AskedScope]]:
    """Answers what the parameters of these names name, by ids or names; each is a ``text`` or None."""

    async def named(**given: str | None) -> AskedScope:
        return AskedScope(**given)

    kinds = {name: Annotated[text, Query(alias=ALIASES[name])] for name in names}
    named.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in kinds.items()]
    )
    return named


# What is named in an address: an organization, a type and an integration, or a type alone.
ALIASES = {"org": "org", "integration_type": "type", "integration": "integration"}
named, named_type = naming(Text | None, *ALIASES), naming(Text | None, "integration_type")
Named = Annotated[AskedScope, Depends(named)]


def whom(named: Callable[..., Awaitable[AskedScope]]) -> Callable[..., Awaitable[Scope]]:
    """Answers the scope that the parameters name. Raises NotFound and Ambiguous."""
    parameters: AskedScope = Depends(named)

    async def scope(actor: Reader, connection: Db, parts: Parts, asked: AskedScope = parameters) -> Scope:
        return (await resolved(actor, connection, parts, asked)).scope

    return scope


def around(named: Callable[..., Awaitable[AskedScope]]) -> Callable[..., Awaitable[Scope]]:
    """As ``whom``, with the organization and the type of an integration, as far as they are known."""
    parameters: AskedScope = Depends(named)

    async def scope(actor: Reader, connection: Db, parts: Parts, asked: AskedScope = parameters) -> Scope:
        return (await resolved(actor, connection, parts, asked)).around

    return scope


Whom = Annotated[Scope, Depends(whom(named), scope="function")]
OneType = Annotated[Scope, Depends(whom(named_type), scope="function")]
Around = Annotated[Scope, Depends(around(named), scope="function")]


async def resolved(actor: Actor, connection: Connection, parts: Served, asked: AskedScope) -> Resolved:
    """What ``asked`` names, as far as the actor may know of it. Raises NotFound and Ambiguous.

    Who is tied to an organization names integrations by their ids, and types by their whole names, those of the
    settings or of its own integrations: a search, or a list of what is known, would tell of others. Whatever the type
    is, no table is read from end to end for it: many may ask at once.
    """
    if actor.org_id is None:
        if not any(asked):
            return Resolved(Scope(), Scope(), ())
        if asked.integration_type not in (None, *parts.settings.types):
            await parts.freshness.ensure(connection)
        return await resolve(connection, parts.settings, asked, types_of_copy=True)
    if asked.org not in (None, actor.org_id):
        raise Problem(404, f'There is no organization "{asked.org}".')
    return await resolve_within(connection, parts.settings, actor.org_id, asked)


def organization_of(actor: Actor, settings: Settings, asked: str | None) -> str | None:
    """The organization that is meant, by its id; that of an actor who is tied to one.

    Raises NotFound if it is another one: the sentence is the same as for one that does not exist.
    """
    own = actor.org_id
    if own is not None and asked not in (None, own):
        raise no_organization(settings, str(asked))
    return own or asked


def visible(actor: Actor, org_id: str | None) -> bool:
    """Whether the actor may know of what belongs to this organization."""
    return actor.org_id in (None, org_id)
