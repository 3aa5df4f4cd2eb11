"""The reader for programs without an event loop: what it takes, and that it leaves the given connection alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db.utils import ConnectionHandler
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text

from synkron import read_due_integrations_sync
from synkron.errors import DatabaseUnreachable, NaiveDatetimeError, ServiceRoleRequired, SettingsError
from synkron.source.synchronous import _address_of
from tests.support.databases import Database

DJANGO = {"ENGINE": "django.db.backends.postgresql"}
AT = datetime(2026, 3, 2, 2, tzinfo=UTC)
ADD = """
    with made as (insert into organizations (name) values ('Fjord') returning id)
    insert into organization_integrations (org_id, integration_type, cron_schedule)
        select id, 'xledger', '0 2 * * *' from made
"""


@contextmanager
def with_psycopg(url: str) -> Iterator[Any]:
    with psycopg.connect(url) as connection:
        yield connection, connection.execute


@contextmanager
def with_sqlalchemy(url: str) -> Iterator[Any]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        yield connection, lambda statement: connection.execute(text(statement))
    engine.dispose()


@contextmanager
def with_django(url: str) -> Iterator[Any]:
    given = conninfo_to_dict(url)
    if not settings.configured:
        settings.configure()
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    databases = {"default": {key: given.get(name, "") for key, name in names.items()} | DJANGO}
    connection = ConnectionHandler(databases)["default"]
    connection.set_autocommit(False)
    yield connection, lambda statement: connection.connection.execute(statement)
    connection.close()


@pytest.fixture(params=[with_psycopg, with_sqlalchemy, with_django])
def opened(request: pytest.FixtureRequest, database: Database) -> Iterator[Any]:
    with request.param(database.url) as made:
        yield made


def test_a_url(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute(ADD)
    assert [due.scheduled_for for due in read_due_integrations_sync(AT, database.url)] == [AT]


NOWHERE = "postgresql://synkron:hush@127.0.0.1:9/app"


@pytest.mark.parametrize(
    ("at", "given", "error", "said"),
    [
        (AT, NOWHERE, DatabaseUnreachable, r"no PostgreSQL at 127\.0\.0\.1:9/.* Check the URL that was given and"),
        (AT, f"{NOWHERE}?pgbouncer=true", SettingsError, "^the URL that was given: its parameter pgbouncer is unknown"),
        (AT, f"{NOWHERE}?sslrootcert=/none", SettingsError, "^the URL that was given: sslrootcert names /none"),
        (AT, "", SettingsError, "^the URL that was given: this is not the address of a PostgreSQL"),
        (AT.replace(tzinfo=None), NOWHERE, NaiveDatetimeError, "2026-03-02"),
    ],
)
def test_what_is_wrong_is_named_as_the_caller_gave_it(at: datetime, given: str, error: Any, said: str) -> None:
    """Nothing is said of settings, which this program may not have; and nothing is asked for a moment that is none."""
    with pytest.raises(error, match=said) as raised:
        read_due_integrations_sync(at, given)
    assert "SYNKRON" not in str(raised.value)
    assert "hush" not in str(raised.value)


# requirement R13
def test_it_is_another_transaction(opened: Any) -> None:
    """What the connection has not committed is not read; what it has is; and its transaction goes on."""
    connection, execute = opened
    assert read_due_integrations_sync(AT, connection) == []
    execute(ADD)
    assert read_due_integrations_sync(AT, connection) == []
    assert execute("select count(*) from organizations").fetchone()[0] == 1
    execute("commit")
    assert len(read_due_integrations_sync(AT, connection)) == 1


def test_a_role_that_row_security_filters_is_refused(database: Database) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("""
            do $$ begin create role reader login; exception when duplicate_object then null; end $$;
            grant select on organizations, organization_integrations to reader;
            alter table organization_integrations enable row level security;
        """)
    with pytest.raises(ServiceRoleRequired, match="BYPASSRLS"):
        read_due_integrations_sync(
            AT, database.url.replace("synkron@", "reader@").replace("user=synkron", "user=reader")
        )


def test_a_connection_that_is_closed(database: Database) -> None:
    connection = psycopg.connect(database.url)
    connection.close()
    with pytest.raises(DatabaseUnreachable, match="can't be asked for its address"):
        read_due_integrations_sync(AT, connection)


async def test_in_an_event_loop_it_says_what_to_do(database: Database) -> None:
    with pytest.raises(TypeError, match="await read_due_integrations there"):
        read_due_integrations_sync(AT, database.url)
    assert await asyncio.to_thread(read_due_integrations_sync, AT, database.url) == []


def test_what_is_no_connection() -> None:
    with pytest.raises(TypeError, match=r"expected a PostgreSQL URL, or an open connection.*found builtins\.int"):
        read_due_integrations_sync(AT, 7)


class Info:
    """What libpq says of a connection."""

    def __init__(self, parameters: dict[str, str], **parts: object) -> None:
        self.get_parameters = lambda: parameters
        self.__dict__.update({"host": "db", "port": 5432, "user": "u", "password": "", "dbname": "app"} | parts)


@pytest.mark.parametrize(
    ("info", "url"),
    [
        (Info({}), "postgresql://u:@db:5432/app?"),
        (Info({}, password="p@#/ %ø"), "postgresql://u:p%40%23%2F%20%25%C3%B8@db:5432/app?"),
        (Info({"sslmode": "require", "options": "-c x=1"}), "postgresql://u:@db:5432/app?sslmode=require"),
        (Info({}, host="2001:db8::1"), "postgresql://u:@[2001:db8::1]:5432/app?"),
        (Info({}, host="/run/pg", port=5433), "postgresql://u:@/app?host=%2Frun%2Fpg&port=5433"),
    ],
)
def test_the_address_of_a_connection(info: Info, url: str) -> None:
    given = type("Connection", (), {"info": info})()
    assert _address_of(given) == url
