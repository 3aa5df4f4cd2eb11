"""People: added, permitted, disabled; and their passwords."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from synkron.errors import NotFound, Refused
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.people import (
    AskedPerson,
    Person,
    add_person,
    disable_person,
    enable_person,
    people,
    permit_person,
    set_password,
)
from synkron.operations.access.sessions import log_in_by_oidc, log_in_by_password
from synkron.operations.audit import entries
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.actors import actor_of
from tests.support.fleet import add_organization

READ, OPERATE, ADMIN = Permission
SETTINGS = Settings()
PASSWORD, OTHER = "fjell vidde elv 7", "another long one 8"
HERE = "127.0.0.1"


async def add(connection: Connection, name: str = "kari", permission: Permission = READ, **given: Any) -> Person:
    return await add_person(connection, SETTINGS, AskedPerson(name, permission, **given), PASSWORD, "ola")


async def logged_in(connection: Connection, name: str = "kari", password: str = PASSWORD) -> str | None:
    """The secret of a new session."""
    found = await log_in_by_password(connection, name, password, HERE)
    return found and found[1]


@pytest.mark.usefixtures("service_cost")
async def test_what_is_kept_of_a_password_is_its_hash(connection: Connection) -> None:
    made = await add(connection)
    assert (made.name, made.permission, made.is_of_provider, made.created_by) == ("kari", READ, False, "ola")
    kept = await connection.fetchval("select password_hash from synkron.people")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "argon2" not in repr(await people(connection))
    assert all("argon2" not in str(one) and PASSWORD not in str(one) for one in await entries(connection))


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("", "12 to 200 characters; this one has 0"),
        ("elleve tegn", "this one has 11"),
        ("x" * 201, "this one has 201"),
        ("aaaaaaaaaaaaaaa", "repeats few characters"),
        ("KARI er best i alt", "contains the name"),
    ],
)
async def test_a_password_that_nobody_should_have(connection: Connection, password: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        await add_person(connection, SETTINGS, AskedPerson("kari", READ), password, "ola")
    assert await people(connection) == []


async def test_a_name_is_taken_once(connection: Connection) -> None:
    await add(connection)
    with pytest.raises(Refused, match='a person "kari" already'):
        await add(connection, permission=ADMIN)
    await disable_person(connection, "kari", "ola")
    with pytest.raises(Refused, match='a person "kari" already'):
        await add(connection, permission=ADMIN)
    assert [one.permission for one in await people(connection)] == [READ]


async def test_an_organization_that_does_not_exist_is_refused(connection: Connection) -> None:
    with pytest.raises(NotFound, match="no organization 4711"):
        await add(connection, org_id="4711")
    await add(connection)
    with pytest.raises(NotFound, match="no organization 4711"):
        await permit_person(connection, SETTINGS, AskedPerson("kari", READ, "4711"), "ola")


async def test_what_a_person_may_counts_at_the_next_request(connection: Connection) -> None:
    fjord = await add_organization(connection)
    await add(connection)
    session = await logged_in(connection)
    assert session is not None
    assert await actor_of(connection, session) == Actor("person:kari", READ)
    await permit_person(connection, SETTINGS, AskedPerson("kari", OPERATE, fjord), "ola")
    assert await actor_of(connection, session) == Actor("person:kari", OPERATE, fjord)


async def test_who_is_disabled_is_out_at_once(connection: Connection) -> None:
    await add(connection)
    session = await logged_in(connection)
    assert session is not None
    disabled = await disable_person(connection, "kari", "ola")
    assert (disabled.disabled_by, disabled.sessions) == ("ola", 0)
    assert await actor_of(connection, session) is None
    assert await logged_in(connection) is None
    with pytest.raises(Refused, match="disabled already, by ola"):
        await disable_person(connection, "kari", "ola")
    await enable_person(connection, "kari", "ola")
    assert await actor_of(connection, session) is None, "a session that ended stays so"
    assert await logged_in(connection) is not None
    with pytest.raises(Refused, match="is not disabled"):
        await enable_person(connection, "kari", "ola")


async def test_a_new_password_ends_what_the_old_one_began(connection: Connection) -> None:
    await add(connection)
    session = await logged_in(connection)
    assert session is not None
    await set_password(connection, "kari", OTHER, "ola")
    assert await actor_of(connection, session) is None
    assert await logged_in(connection) is None
    assert await logged_in(connection, password=OTHER) is not None


async def test_a_provider_s_person_has_nothing_to_set_here(connection: Connection) -> None:
    assert await log_in_by_oidc(connection, "liv@example.com", READ) is not None
    with pytest.raises(Refused, match="change it there"):
        await set_password(connection, "liv@example.com", PASSWORD, "ola")
    with pytest.raises(Refused, match=r"api\.oidc\.permissions"):
        await permit_person(connection, SETTINGS, AskedPerson("liv@example.com", ADMIN), "ola")


@pytest.mark.parametrize("change", [disable_person, enable_person])
async def test_nobody_of_that_name(connection: Connection, change: Any) -> None:
    with pytest.raises(NotFound, match='no person "per"'):
        await change(connection, "per", "ola")
    with pytest.raises(NotFound, match='no person "per"'):
        await set_password(connection, "per", PASSWORD, "ola")


async def test_each_change_is_in_the_audit(connection: Connection) -> None:
    await add(connection)
    await permit_person(connection, SETTINGS, AskedPerson("kari", ADMIN), "ola")
    await set_password(connection, "kari", OTHER, "ola")
    await logged_in(connection, password=OTHER)
    await disable_person(connection, "kari", "ola")
    await enable_person(connection, "kari", "ola")
    fjord = await add_organization(connection, "Fjord")
    await permit_person(connection, SETTINGS, AskedPerson("kari", READ, fjord), "ola")
    await set_password(connection, "kari", PASSWORD, "ola")
    await logged_in(connection)
    await permit_person(connection, SETTINGS, AskedPerson("kari", READ), "ola")
    done = [(one.author, one.action, one.subject, one.org_id) for one in reversed(await entries(connection))]
    assert done == [
        ("ola", "add person", "person kari", None),
        ("ola", "permit person", "person kari", None),
        ("ola", "set password", "person kari", None),
        ("person:kari", "log in", "person kari", None),
        ("ola", "disable person", "person kari", None),
        ("ola", "enable person", "person kari", None),
        ("ola", "permit person", "person kari", fjord),
        ("ola", "set password", "person kari", fjord),
        ("person:kari", "log in", "person kari", fjord),
        ("ola", "permit person", "person kari", fjord),
    ]
    permitted = (await entries(connection))[8]
    assert permitted.before == {"permission": "read", "org_id": None}
    assert permitted.after == {"permission": "admin", "org_id": None}


@pytest.mark.parametrize(
    "columns", ["password_hash = null", "is_of_provider = true", "disabled_at = now()", "permission = ''"]
)
async def test_the_database_refuses_an_impossible_person(connection: Connection, columns: str) -> None:
    await add(connection)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f"update synkron.people set {columns}")
