"""Sessions: how people log in, and who asks with a session's secret, which a browser keeps in a cookie."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_network

from synkron.model import Scope
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.passwords import hash_password, is_password, needs_rehash
from synkron.operations.access.secret import SecretKind, hash_of, is_secret, new_secret
from synkron.operations.access.tokens import actor_in
from synkron.operations.audit import Facts, record
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.statements import statements
from synkron.text import printable

SQL = statements("operations/access/access")

SESSION_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(minutes=10)
# Within this time, so many passwords may be wrong for a name, and from an address. Then all are, for as long.
LIMITED_FOR = timedelta(minutes=15)
MOST_OF_NAME, MOST_FROM_ADDRESS = 10, 30

LoggedIn = tuple[Actor, str]
"""Who has logged in, and the secret of their session."""


async def actors_of(connection: Executor, secrets: Collection[str]) -> dict[str, Actor]:
    """Who has these secrets, of sessions or tokens, of those that hold. Nothing is noted."""
    by_hash = {hash_of(one): one for one in secrets}
    rows = await connection.fetch(SQL["actors_of"], list(by_hash))
    return {by_hash[row["secret_hash"]]: actor for row in rows if (actor := actor_in(row)) is not None}


async def log_in_by_password(connection: Connection, name: str, password: str, address: str) -> LoggedIn | None:
    """A session for the person, who asks from this IP address; None if the name or password is wrong.

    Also None after ten failures for the name or thirty from the address in 15 minutes: then no password is checked, so
    a right one is not told from a wrong one. Attempts that are refused so count no further. The attempt is noted
    before the password is checked, outside of any transaction, so that many at once get no more than these either.
    """
    name_hash, place = sha256(name.encode(errors="replace")).digest(), _place(address)
    attempt = await connection.fetchval(SQL["attempt"], name_hash, place)
    lately = await connection.fetchrow(SQL["attempts_lately"], name_hash, place, LIMITED_FOR)
    assert lately is not None  # noqa: S101 (a select without a table)
    if lately["of_name"] > MOST_OF_NAME or lately["from_address"] > MOST_FROM_ADDRESS:
        await connection.execute(SQL["drop_attempt"], attempt)
        return None
    # The database can't hold other text, and so no such name.
    kept = await connection.fetchval(SQL["password_of"], name) if name.isprintable() else None
    if not await is_password(password, kept) or kept is None:
        return None
    await connection.execute(SQL["drop_attempts"], name_hash, place)
    logged_in = await _begin(connection, name, kept, by="password")
    if logged_in and needs_rehash(kept):
        await connection.execute(SQL["set_rehashed"], name, kept, await hash_password(password))
    return logged_in


async def log_in_by_oidc(
    connection: Connection, name: str, permission: Permission, org_id: str | None = None
) -> LoggedIn | None:
    """A session for the person whom the identity provider named, with what its claims permit.

    None if the person is disabled here, or is one who logs in by a password: nobody else gets the same name.
    """
    if await connection.fetchval(SQL["keep_provider_s_person"], name, permission, org_id) is None:
        return None
    return await _begin(connection, name, None, by="identity provider")


async def make_login_link(connection: Connection, name: str, permission: Permission, org_id: str | None = None) -> str:
    """The secret of a link that logs a person of this name in, once, within ten minutes."""
    secret = new_secret(SecretKind.LINK)
    async with connection.transaction():
        until = await connection.fetchval(SQL["add_link"], hash_of(secret), name, permission, org_id, LINK_LASTS)
        after = {"permission": permission, "org_id": org_id, "expires_at": until}
        await record(
            connection,
            author=name,
            action="make login link",
            subject=f"person {name}",
            about=Scope(org_id),
            before=None,
            after=after,
        )
    return secret


async def log_in_by_link(connection: Connection, secret: str) -> LoggedIn | None:
    """A session for the person of the link; None if it was used, is too old, or there never was one."""
    if not is_secret(SecretKind.LINK, secret):
        return None
    async with connection.transaction():
        row = await connection.fetchrow(SQL["take_link"], hash_of(secret))
        if row is None:
            return None
        session = new_secret(SecretKind.SESSION)
        await connection.execute(SQL["begin_session_by_link"], hash_of(session), *row, SESSION_LASTS)
        actor = Actor(f"person:{row['name']}", Permission(row["permission"]), row["org_id"])
        await _record(connection, "log in", actor.name, actor.org_id, {"by": "link"})
    return actor, session


async def log_out(connection: Connection, secret: str) -> None:
    """End the session, if it has not ended."""
    if not is_secret(SecretKind.SESSION, secret):
        return
    async with connection.transaction():
        ended = await connection.fetchrow(SQL["end_session"], hash_of(secret))
        if ended is not None:
            await _record(connection, "log out", *ended)


async def _begin(connection: Connection, name: str, password_hash: str | None, *, by: str) -> LoggedIn | None:
    """A session for a person; None if they were disabled, or their password was changed, meanwhile."""
    session = new_secret(SecretKind.SESSION)
    async with connection.transaction():
        row = await connection.fetchrow(SQL["begin_session_of"], name, password_hash, hash_of(session), SESSION_LASTS)
        actor = actor_in(row)
        if actor is None:
            return None
        await _record(connection, "log in", actor.name, actor.org_id, {"by": by})
    return actor, session


async def _record(
    connection: Connection, action: str, name: str, org_id: str | None, after: Facts | None = None
) -> None:
    """Record what an actor of this name did to themselves."""
    subject, about = name.replace(":", " ", 1), Scope(org_id)
    await record(connection, author=name, action=action, subject=subject, about=about, before=None, after=after)


def _place(address: str) -> str:
    """What counts as one address: of IPv6, the network of 2^64 that one line has. Any other text is one as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return printable(address, 100)
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
