"""Logins by password, link and identity provider; their limits; and what becomes of a session."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from argon2 import PasswordHasher

from synkron.ledger.retention import forget
from synkron.model import Scope
from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.people import AskedPerson, add_person, disable_person, people
from synkron.operations.access.secret import SecretKind, new_secret
from synkron.operations.access.sessions import (
    MOST_FROM_ADDRESS,
    MOST_OF_NAME,
    LoggedIn,
    log_in_by_link,
    log_in_by_oidc,
    log_in_by_password,
    log_out,
    make_login_link,
)
from synkron.operations.audit import entries
from synkron.postgres.clock import database_clock
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.actors import actor_of
from tests.support.databases import Database

READ, OPERATE, ADMIN = Permission
PASSWORD = "fjell vidde elv 7"
HERE = "192.0.2.1"
# So many failures of a name from an address.
FAILED = """
    insert into synkron.login_attempts (name_hash, address)
    select sha256($1::text::bytea), $2 from generate_series(1, $3::int)
"""
# So many more failures from the address of the one that is there, each of another name.
ALIKE = """
    insert into synkron.login_attempts (name_hash, address)
    select sha256(n::text::bytea), address from synkron.login_attempts, generate_series(1, $1::int) n
"""


@pytest.fixture
async def kari(connection: Connection) -> str:
    """A person who may operate."""
    await add_person(connection, Settings(), AskedPerson("kari", OPERATE), PASSWORD, "ola")
    return "kari"


async def enter(
    connection: Connection, name: str = "kari", password: str = PASSWORD, address: str = HERE
) -> LoggedIn | None:
    return await log_in_by_password(connection, name, password, address)


async def attempts(connection: Connection) -> int:
    found: int = await connection.fetchval("select count(*) from synkron.login_attempts")
    return found


class TestPassword:
    async def test_it_begins_a_session_of_twelve_hours(self, connection: Connection, kari: str) -> None:
        found = await enter(connection, kari)
        assert found is not None
        actor, session = found
        assert actor == Actor("person:kari", OPERATE) == await actor_of(connection, session)
        lasts = await connection.fetchval("select expires_at - created_at from synkron.sessions")
        assert lasts == timedelta(hours=12)
        assert [one.sessions for one in await people(connection)] == [1]
        rows = await connection.fetch("select row_to_json(sessions)::text from synkron.sessions")
        assert session not in str(rows)

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("kari", ""),
            ("kari", PASSWORD + " "),
            ("kari", PASSWORD.upper()),
            ("Kari", PASSWORD),
            ("per", PASSWORD),
            ("", ""),
            ("kari\0", PASSWORD),
            ("kari\ud800", PASSWORD),
            ("kari", "\ud800"),
            ("kari'; drop table synkron.people; --", PASSWORD),
            ("kari", "x" * 1_000_000),
        ],
    )
    @pytest.mark.usefixtures("kari")
    async def test_what_is_wrong_begins_none(self, connection: Connection, name: str, password: str) -> None:
        assert await enter(connection, name, password) is None
        assert await connection.fetchval("select count(*) from synkron.sessions") == 0
        assert await attempts(connection) == 1

    async def test_how_a_letter_was_composed_does_not_matter(self, connection: Connection) -> None:
        composed, decomposed = "bl\u00e5b\u00e6r p\u00e5 fjellet", "bla\u030ab\u00e6r pa\u030a fjellet"
        await add_person(connection, Settings(), AskedPerson("kari", READ), composed, "ola")
        assert await enter(connection, password=decomposed) is not None

    @pytest.mark.usefixtures("service_cost")
    async def test_a_hash_of_other_parameters_is_made_anew(self, connection: Connection, kari: str) -> None:
        weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        await connection.execute("update synkron.people set password_hash = $1", weaker)
        assert await enter(connection, kari) is not None
        assert "m=65536" in await connection.fetchval("select password_hash from synkron.people")
        assert await enter(connection, kari) is not None

    async def test_a_hash_that_is_none_lets_nobody_in(self, connection: Connection, kari: str) -> None:
        await connection.execute("update synkron.people set password_hash = 'x'")
        assert await enter(connection, kari) is None

    async def test_who_is_disabled_while_the_password_is_checked_stays_out(
        self, connection: Connection, database: Database, kari: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = await asyncpg.connect(database.url)

        async def checked_slowly(*_: object) -> bool:
            await disable_person(other, kari, "ola")
            return True

        monkeypatch.setattr("synkron.operations.access.sessions.is_password", checked_slowly)
        assert await enter(connection, kari) is None
        await other.close()


class TestLimits:
    """Passwords are tried in vain: for one name, from one address, many at once, through a restart."""

    async def test_after_ten_failures_the_right_password_is_not_told_from_a_wrong_one(
        self, connection: Connection, database: Database, kari: str
    ) -> None:
        for number in range(MOST_OF_NAME):
            assert await enter(connection, kari, "wrong", f"192.0.2.{number}") is None
        # Another process, from another address: what is counted is in the database.
        other = await asyncpg.connect(database.url)
        assert await enter(other, kari, PASSWORD, "198.51.100.1") is None
        assert await enter(other, kari, "wrong", "198.51.100.1") is None
        await other.close()
        assert await attempts(connection) == MOST_OF_NAME, "those that are refused count no further"

    async def test_nine_failures_are_no_obstacle_and_the_right_password_ends_them(
        self, connection: Connection, kari: str
    ) -> None:
        for _ in range(2):
            assert await enter(connection, kari, "wrong") is None
            await connection.execute(FAILED, kari, HERE, MOST_OF_NAME - 2)
            assert await enter(connection, kari) is not None
            assert await attempts(connection) == 0

    async def test_the_right_password_leaves_what_others_tried_elsewhere(
        self, connection: Connection, kari: str
    ) -> None:
        await connection.execute(FAILED, kari, "198.51.100.1", MOST_OF_NAME - 1)
        assert await enter(connection, kari) is not None
        assert await attempts(connection) == MOST_OF_NAME - 1

    async def test_a_quarter_of_an_hour_later_it_is_over(self, connection: Connection, kari: str) -> None:
        await connection.execute(FAILED, kari, HERE, MOST_OF_NAME)
        assert await enter(connection, kari) is None
        await connection.execute("update synkron.login_attempts set at = at - interval '15 minutes'")
        assert await enter(connection, kari) is not None

    @pytest.mark.parametrize(
        ("tried", "then", "limited"),
        [
            ("192.0.2.1", "192.0.2.1", True),
            ("192.0.2.1", "192.0.2.2", False),
            ("192.0.2.1", "::ffff:192.0.2.1", True),
            ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("fe80::1%eth0", "fe80::2", True),
            ("::1", "127.0.0.1", False),
            # What a proxy or a socket of another kind gives for an address.
            ("unknown", "unknown", True),
            ("", "", True),
        ],
    )
    async def test_an_address_is_limited_whatever_the_names(
        self, connection: Connection, kari: str, tried: str, then: str, limited: bool
    ) -> None:
        assert await enter(connection, "per", "wrong", tried) is None
        await connection.execute(ALIKE, MOST_FROM_ADDRESS - 1)
        assert (await enter(connection, kari, PASSWORD, then) is None) is limited

    async def test_many_at_once_get_no_more(self, connection: Connection, database: Database, kari: str) -> None:
        connections = [await asyncpg.connect(database.url) for _ in range(20)]
        found = await asyncio.gather(*(enter(one, kari, "wrong") for one in connections))
        for one in connections:
            await one.close()
        assert found == [None] * 20
        assert await attempts(connection) <= MOST_OF_NAME

    async def test_what_was_typed_as_a_name_is_not_kept(self, connection: Connection) -> None:
        await enter(connection, PASSWORD, "kari")
        row = await connection.fetchval("select row_to_json(login_attempts)::text from synkron.login_attempts")
        assert PASSWORD not in row


class TestLink:
    async def test_it_logs_in_once(self, connection: Connection) -> None:
        secret = await make_login_link(connection, "kari@ops-1", ADMIN)
        found = await log_in_by_link(connection, secret)
        assert found is not None
        assert found[0] == Actor("person:kari@ops-1", ADMIN) == await actor_of(connection, found[1])
        assert await log_in_by_link(connection, secret) is None
        assert [(one.author, one.action) for one in await entries(connection)] == [
            ("person:kari@ops-1", "log in"),
            ("kari@ops-1", "make login link"),
        ]
        assert secret not in str(await entries(connection))

    async def test_of_two_that_use_it_at_once_one_comes_in(self, connection: Connection, database: Database) -> None:
        secret = await make_login_link(connection, "kari@ops-1", ADMIN)
        other = await asyncpg.connect(database.url)
        found = await asyncio.gather(log_in_by_link(connection, secret), log_in_by_link(other, secret))
        await other.close()
        assert sum(one is not None for one in found) == 1

    async def test_it_lasts_ten_minutes(self, connection: Connection) -> None:
        secret = await make_login_link(connection, "kari@ops-1", READ)
        left = await connection.fetchval("select expires_at - now() from synkron.login_links")
        assert timedelta(minutes=9) < left <= timedelta(minutes=10)
        await connection.execute("update synkron.login_links set expires_at = now()")
        assert await log_in_by_link(connection, secret) is None

    @pytest.mark.parametrize("kind", SecretKind)
    async def test_no_other_secret_is_one(self, connection: Connection, kind: SecretKind) -> None:
        assert await log_in_by_link(connection, new_secret(kind)) is None
        assert await actor_of(connection, new_secret(kind)) is None


class TestProvider:
    async def test_its_claims_say_at_each_login_what_a_person_may(self, connection: Connection) -> None:
        first = await log_in_by_oidc(connection, "liv@example.com", READ)
        assert first is not None
        second = await log_in_by_oidc(connection, "liv@example.com", OPERATE, "o1")
        assert second is not None
        expected = Actor("person:liv@example.com", OPERATE, "o1")
        assert expected == second[0] == await actor_of(connection, first[1])
        assert [(one.name, one.is_of_provider, one.sessions) for one in await people(connection)] == [
            ("liv@example.com", True, 2)
        ]

    async def test_whom_somebody_disabled_here_stays_out(self, connection: Connection) -> None:
        found = await log_in_by_oidc(connection, "liv@example.com", READ)
        assert found is not None
        await disable_person(connection, "liv@example.com", "ola")
        assert await actor_of(connection, found[1]) is None
        assert await log_in_by_oidc(connection, "liv@example.com", ADMIN) is None
        assert [one.permission for one in await people(connection)] == [READ]

    async def test_nobody_gets_the_name_of_who_has_a_password(self, connection: Connection, kari: str) -> None:
        assert await log_in_by_oidc(connection, kari, ADMIN) is None
        assert [one.permission for one in await people(connection)] == [OPERATE]

    async def test_its_people_have_no_password(self, connection: Connection) -> None:
        assert await log_in_by_oidc(connection, "liv@example.com", READ) is not None
        for password in ("", PASSWORD, "the password of nobody"):
            assert await enter(connection, "liv@example.com", password) is None


class TestEnd:
    async def test_who_logs_out_is_out(self, connection: Connection, kari: str) -> None:
        found = [await enter(connection, kari) for _ in range(2)]
        assert found[0] is not None
        assert found[1] is not None
        await log_out(connection, found[0][1])
        assert await actor_of(connection, found[0][1]) is None
        assert await actor_of(connection, found[1][1]) is not None
        await log_out(connection, found[0][1])
        await log_out(connection, "\ud800")
        assert [one.action for one in await entries(connection)] == ["log out", "log in", "log in", "add person"]

    async def test_it_is_in_the_audit_of_their_organization(self, connection: Connection, kari: str) -> None:
        await connection.execute("update synkron.people set org_id = 'fjord'")
        link = await make_login_link(connection, "ola", READ, "fjord")
        for found in (await enter(connection, kari), await log_in_by_link(connection, link)):
            assert found is not None
            await log_out(connection, found[1])
        actions = [one.action for one in await entries(connection, Scope("fjord"))]
        assert actions == ["log out", "log out", "log in", "log in", "make login link"]

    async def test_after_twelve_hours_it_is_over(self, connection: Connection, kari: str) -> None:
        found = await enter(connection, kari)
        assert found is not None
        await connection.execute(
            "update synkron.sessions set created_at = created_at - interval '12 h', expires_at = now()"
        )
        assert await actor_of(connection, found[1]) is None

    async def test_what_is_over_is_forgotten(self, connection: Connection, kari: str) -> None:
        await enter(connection, kari)
        await enter(connection, kari, "wrong")
        await make_login_link(connection, "kari@ops-1", READ)
        now = await database_clock(connection)
        assert await forget(connection, now, timedelta(days=400))
        tables = ("sessions", "login_attempts", "login_links")
        counts = [await connection.fetchval(f"select count(*) from synkron.{table}") for table in tables]
        assert counts == [1, 1, 1]
        assert await forget(connection, now + timedelta(hours=13), timedelta(days=400))
        counts = [await connection.fetchval(f"select count(*) from synkron.{table}") for table in tables]
        assert counts == [0, 0, 0]
