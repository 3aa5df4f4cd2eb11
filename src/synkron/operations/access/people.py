"""People: who logs in, with what they may. A change of it counts at their next request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from synkron.errors import Advice, NotFound, Refused
from synkron.model import Scope
from synkron.operations.access.actor import Permission
from synkron.operations.access.passwords import check_password, hash_password
from synkron.operations.access.tokens import check_organization
from synkron.operations.audit import Facts, record
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.settings.load import Settings

SQL = statements("operations/access/access")


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """Who is to log in, and what they may; with an ``org_id``, they see nothing of other organizations."""

    name: str
    permission: Permission
    org_id: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in, unless they are disabled, with the number of their open ``sessions``.

    If they are ``is_of_provider``, an identity provider knows them, and says at each login what they may.
    """

    name: str
    permission: Permission
    org_id: str | None
    is_of_provider: bool
    created_at: datetime
    created_by: str
    last_login_at: datetime | None
    disabled_at: datetime | None
    disabled_by: str | None
    sessions: int


async def people(connection: Executor, name: str | None = None) -> list[Person]:
    """All of them by name, those that are disabled, too; or the one of the ``name``."""
    rows = await connection.fetch(SQL["people"], name)
    return [read(Person, row, permission=Permission(row["permission"])) for row in rows]


async def plan_add_person(connection: Connection, settings: Settings, asked: AskedPerson) -> None:
    """Raises NotFound and Refused as ``add_person`` does."""
    if await people(connection, asked.name):
        raise Refused(f'There is a person "{asked.name}" already.', Advice.CHANGE_PERSON)
    await check_organization(connection, settings, asked.org_id)


async def add_person(
    connection: Connection, settings: Settings, asked: AskedPerson, password: str, author: str
) -> Person:
    """Let somebody log in with this password.

    Raises NotFound if there is no such organization; Refused if the name is taken or the password too weak.
    """
    check_password(asked.name, password)
    hashed = await hash_password(password)
    async with write_transaction(connection):
        await plan_add_person(connection, settings, asked)
        await connection.execute(SQL["add_person"], asked.name, asked.permission, asked.org_id, hashed, author)
        return await _changed(connection, asked.name, "add person", Scope(asked.org_id), None, _may(asked), author)


async def person_named(connection: Connection, name: str) -> Person:
    """The person of this name. Raises NotFound if there is nobody."""
    for one in await people(connection, name):
        return one
    raise NotFound(f'There is no person "{name}".', Advice.LIST_PEOPLE)


async def permit_person(connection: Connection, settings: Settings, asked: AskedPerson, author: str) -> Person:
    """Change what they may, from their next request on.

    Raises NotFound if there is no such person or organization; Refused if their provider says what they may.
    """
    async with write_transaction(connection):
        before = await plan_permit(connection, settings, asked)
        await connection.execute(SQL["permit_person"], asked.name, asked.permission, asked.org_id)
        about = Scope(asked.org_id or before.org_id)
        return await _changed(connection, asked.name, "permit person", about, _may(before), _may(asked), author)


async def plan_permit(connection: Connection, settings: Settings, asked: AskedPerson) -> Person:
    """The person before the change. Raises NotFound and Refused as ``permit_person`` does."""
    found = await person_named(connection, asked.name)
    _refuse_of_provider(found, "what they may", "change the groups that they are in there, or api.oidc.permissions")
    await check_organization(connection, settings, asked.org_id)
    return found


async def disable_person(connection: Connection, name: str, author: str) -> Person:
    """End their sessions, and let them log in no more. Raises NotFound; Refused if they are disabled already."""
    async with write_transaction(connection):
        found = await person_named(connection, name)
        if found.disabled_at is not None:
            raise Refused(f"{name} is disabled already, by {found.disabled_by}.")
        await connection.execute(SQL["disable_person"], name, author)
        await connection.fetch(SQL["end_sessions"], name)
        after = {"disabled": True, "ended_sessions": found.sessions}
        about = Scope(found.org_id)
        return await _changed(connection, name, "disable person", about, {"disabled": False}, after, author)


async def enable_person(connection: Connection, name: str, author: str) -> Person:
    """Let a disabled person log in again. Raises NotFound; Refused if they are not disabled."""
    async with write_transaction(connection):
        found = await person_named(connection, name)
        if found.disabled_at is None:
            raise Refused(f"{name} is not disabled.")
        await connection.execute(SQL["enable_person"], name)
        about, before, after = Scope(found.org_id), {"disabled": True}, {"disabled": False}
        return await _changed(connection, name, "enable person", about, before, after, author)


async def set_password(connection: Connection, name: str, password: str, author: str) -> Person:
    """Set a person's password, and end their sessions.

    Raises NotFound if there is nobody of this name; Refused if they log in elsewhere, or the password is too weak.
    """
    check_password(name, password)
    hashed = await hash_password(password)
    async with write_transaction(connection):
        found = await plan_set_password(connection, name)
        await connection.execute(SQL["set_password"], name, hashed)
        await connection.fetch(SQL["end_sessions"], name)
        about, after = Scope(found.org_id), {"ended_sessions": found.sessions}
        return await _changed(connection, name, "set password", about, None, after, author)


async def plan_set_password(connection: Connection, name: str) -> Person:
    """The person whose password would be set. Raises NotFound and Refused as ``set_password`` does."""
    found = await person_named(connection, name)
    _refuse_of_provider(found, "their password", "change it there")
    return found


def _refuse_of_provider(person: Person, what: str, remedy: str) -> None:
    if person.is_of_provider:
        raise Refused(f"{person.name} logs in with the identity provider, which knows {what}: {remedy}.")


def _may(one: AskedPerson | Person) -> Facts:
    return {"permission": one.permission, "org_id": one.org_id}


async def _changed(
    connection: Connection, name: str, action: str, about: Scope, before: Facts | None, after: Facts, author: str
) -> Person:
    """The person after the change, of which the audit gets a row."""
    await record(
        connection, author=author, action=action, subject=f"person {name}", about=about, before=before, after=after
    )
    return await person_named(connection, name)
