"""Make, list and revoke tokens; say what a ledger is that was moved. Only who administers may."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations import adopt as adoption
from synkron.operations.access import tokens as operations
from synkron.operations.access.actor import Permission
from synkron.operations.access.tokens import AskedToken, Token
from synkron.operations.adopt import Adopted, AskedAdoption
from synkron.operations.scope import read_names
from synkron.service.api.access import Admin
from synkron.service.api.answer import answer, form
from synkron.service.api.changes.body import Body, Id, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.api.paging import page, page_form, place_of
from synkron.service.api.parameters import After, Instant, Limit
from synkron.service.api.responses import documented
from synkron.service.api.served import Db, Parts
from synkron.service.changes.access import Adoption, adopted, created, revoked
from synkron.service.forms import held_by
from synkron.settings.integrations.naming import EXPECTED_INSTALLATION, INSTALLATION

router = APIRouter(tags=["access"])
ShownToken = form(Token, "token")
Created = outcome("CreatedToken", token=ShownToken | None, secret=str | None)
Revoked = outcome("RevokedToken", token=ShownToken)
AdoptedLedger = outcome("AdoptedLedger", form(Adoption), **{"as": str})


def _installation(name: str) -> str:
    if not INSTALLATION.fullmatch(name):
        raise ValueError(EXPECTED_INSTALLATION)
    return name


class TokenBody(Body):
    """A token's name, what it permits, to which organization it is tied if to one, and until when it holds."""

    name: Id
    permission: Literal["read", "operate", "admin"]
    org_id: Id | None = None
    expires: Instant | None = None


class NamedBody(Body):
    """The name of a token."""

    name: Id


class AdoptBody(Body):
    """What this ledger is, and the name that it gets."""

    adopted: Literal["original", "copy"]
    installation: Annotated[Id, AfterValidator(_installation)] | None = None


@router.get("/v1/tokens", responses=documented(page_form(ShownToken), 401, 403, 422))
async def tokens(
    request: Request,
    _: Admin,
    connection: Db,
    parts: Parts,
    revoked: Annotated[bool, Query(description="Also those that are revoked.")] = False,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """The tokens, the newest first, without their secrets, of which only hashes are kept."""
    before = place_of(cursor, "tokens", int)
    found = await operations.tokens(connection, revoked=revoked, before=before, limit=limit + 1)
    org_ids = {one.org_id for one in found if one.org_id is not None}
    async with connection.transaction(readonly=True):
        names = await read_names(connection, parts.settings, org_ids) if org_ids else {}
    shown = page(found, limit, "tokens", lambda one: (one.id,), lambda one: held_by(one, "token"))
    return answer(request, shown, names)


@router.post("/v1/tokens", **changing(Created, TokenBody))
async def create_token(_: Admin, change: Change, body: Annotated[TokenBody, Depends(sent(TokenBody))]) -> Response:
    """Make a token. Its secret is in this answer alone, and null where the same request comes again."""
    asked = AskedToken(body.name, Permission(body.permission), body.org_id, body.expires)
    connection, settings = change.connection, change.parts.settings
    return await change.answer(
        lambda now: operations.plan_create_token(connection, settings, asked, now),
        lambda: operations.create_token(connection, settings, asked, change.actor.name),
        created,
        shown_once="secret",
    )


@router.post("/v1/tokens/revoke", **changing(Revoked, NamedBody))
async def revoke_token(_: Admin, change: Change, body: Annotated[NamedBody, Depends(sent(NamedBody))]) -> Response:
    """Revoke a token: its secret is refused from now on."""
    connection = change.connection
    return await change.answer(
        lambda _: operations.token_named(connection, body.name),
        lambda: operations.revoke_token(connection, body.name, change.actor.name),
        revoked,
    )


@router.post("/v1/adopt", **changing(AdoptedLedger, AdoptBody))
async def adopt(_: Admin, change: Change, body: Annotated[AdoptBody, Depends(sent(AdoptBody))]) -> Response:
    """Say whether a copied or restored ledger is the original or a copy, so that it runs again."""
    asked = AskedAdoption(Adopted(body.adopted), body.installation)
    connection, settings = change.connection, change.parts.settings
    return await change.answer(
        lambda now: adoption.plan_adopt(connection, settings, asked, now),
        lambda: adoption.adopt(connection, settings, asked, change.actor.name),
        adopted,
    )
