"""Tokens: what programs ask the HTTP API with. A secret is shown once, when its token is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from synkron.errors import Advice, NotFound, Refused
from synkron.model import Scope
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.secret import SecretKind, hash_of, is_secret, new_secret
from synkron.operations.audit import Facts, record
from synkron.operations.scope import look_up
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.text import instant

SQL = statements("operations/access/access")


@dataclass(frozen=True, slots=True)
class AskedToken:
    """A requested token. Without a moment at which it ``expires``, it holds until it is revoked."""

    name: str
    permission: Permission
    org_id: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret; ``state`` is active, expired or revoked. An ``org_id`` ties it to that one."""

    id: int
    name: str
    permission: Permission
    org_id: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: datetime | None
    state: str


async def actor_of_token(connection: Executor, secret: str) -> Actor | None:
    """Who asks with this secret; None if no token that holds now has it."""
    if not is_secret(SecretKind.TOKEN, secret):
        return None
    return actor_in(await connection.fetchrow(SQL["actor_of_token"], hash_of(secret)))


async def plan_create_token(connection: Connection, settings: Settings, asked: AskedToken, now: datetime) -> None:
    """Raises NotFound and Refused as ``create_token`` does."""
    for known in await tokens(connection, name=asked.name):
        raise Refused(
            f'There is a token "{asked.name}" already, made by {known.created_by} ({known.state}).',
            Advice.REVOKE_FIRST,
            name=asked.name,
        )
    if asked.expires is not None and asked.expires <= now:
        raise Refused(
            f"The token would expire at {instant(asked.expires)}, which is in the past: the database's clock shows "
            f"{instant(now)}.",
            Advice.EXPIRE_LATER,
        )
    await check_organization(connection, settings, asked.org_id)


async def create_token(connection: Connection, settings: Settings, asked: AskedToken, author: str) -> tuple[Token, str]:
    """Make a token; answers it and its secret, which is not kept.

    Raises NotFound if there is no such organization; Refused if the name is taken, or the end is in the past.
    """
    secret = new_secret(SecretKind.TOKEN)
    async with write_transaction(connection) as now:
        await plan_create_token(connection, settings, asked, now)
        columns = (asked.name, asked.permission, asked.org_id, asked.expires, hash_of(secret), author)
        await connection.execute(SQL["add_token"], *columns)
        made = await token_named(connection, asked.name)
        await _record(connection, author, "create token", made, before=None, after=_facts(made))
    return made, secret


async def token_named(connection: Connection, name: str) -> Token:
    """The token of this name that is not revoked. Raises NotFound if there is none."""
    for found in await tokens(connection, name=name):
        return found
    raise NotFound(f'There is no token "{name}".', Advice.LIST_TOKENS)


async def revoke_token(connection: Connection, name: str, author: str) -> Token:
    """Revoke the token: from now on its secret is refused. Raises NotFound if there is no such token."""
    async with write_transaction(connection):
        found = await token_named(connection, name)
        await connection.execute(SQL["revoke_token"], found.id, author)
        [revoked] = [one for one in await tokens(connection, revoked=True, name=name) if one.id == found.id]
        after = {"revoked_at": revoked.revoked_at}
        await _record(connection, author, "revoke token", found, before=_facts(found), after=after)
    return revoked


async def tokens(
    connection: Executor,
    *,
    revoked: bool = False,
    name: str | None = None,
    before: tuple[int] | None = None,
    limit: int | None = None,
) -> list[Token]:
    """The tokens that are not revoked, the newest first; with ``revoked``, all. With a ``name``, those of it.

    A page begins after the number ``before``.
    """
    rows = await connection.fetch(SQL["tokens"], revoked, name, *(before or (None,)), limit)
    return [read(Token, row, permission=Permission(row["permission"])) for row in rows]


async def check_organization(connection: Connection, settings: Settings, org_id: str | None) -> None:
    """Raise NotFound if there is no such organization. Without one, the application's tables are not read."""
    if org_id is not None:
        await look_up(connection, settings, Scope(org_id))


def actor_in(row: Record | None) -> Actor | None:
    """The actor of a row; None where there is no row."""
    return None if row is None else read(Actor, row, permission=Permission(row["permission"]))


def _facts(token: Token) -> Facts:
    return {"permission": token.permission, "org_id": token.org_id, "expires_at": token.expires_at}


async def _record(
    connection: Connection, author: str, action: str, token: Token, *, before: Facts | None, after: Facts
) -> None:
    subject, about = f"token {token.name}", Scope(token.org_id)
    await record(connection, author=author, action=action, subject=subject, about=about, before=before, after=after)
