"""A healthy system, in whose real database faults are planted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from synkron.ledger.migrate import migrate
from synkron.postgres.connection import connected
from synkron.scheduler.tick import tick
from synkron.service.doctor.check import Check, Context
from synkron.service.doctor.checks import CHECKS
from synkron.service.doctor.examination import Report, examine
from synkron.service.doctor.finding import identifier
from synkron.service.parts import all_roles, faults_of
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.commands import synkron
from tests.support.databases import Database
from tests.support.fleet import add_integration

WORDS = "synkron() { printf '%s\\0' \"$@\"; }; "
NAMES = [check.name for check in CHECKS]
# On a busy machine all takes longer: seconds for a check, for all of them, and since when processes and ticks are old.
PATIENCE = 120.0
PATIENT = [replace(one, within=PATIENCE) for one in CHECKS]
SHORT_OF_THE_PLANTED = timedelta(hours=1)


@dataclass(frozen=True)
class Doctor:
    """Examines the test's database as a service's role that has all that it needs. ``superuser`` plants faults."""

    database: Database
    role: str
    superuser: Connection
    settings: dict[str, Any]

    @property
    def url(self) -> str:
        """The service's address: of a role whose name has to be quoted everywhere."""
        return self.database.url.replace("synkron@", f"{quote(self.role, safe='')}@", 1)

    async def examined(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        url: str | None = None,
        checks: Sequence[Check] = PATIENT,
        **others: Any,
    ) -> Report:
        """The findings by the name of their check."""
        settings = Settings(**self.settings)
        environment = environment or {}
        faults = await faults_of(settings, all_roles(settings), environment)
        url = url or self.url
        return await examine(Context(partial(connected, url), url, settings, environment, faults, **others), checks)

    async def plant(self, sql: str) -> None:
        """As the superuser; ROLE is the service's role, quoted."""
        await self.superuser.execute(sql.replace("ROLE", identifier(self.role)).replace("DATABASE", self.database.name))

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Set these, as an operator does who follows a remedy."""
        for key, value in settings.items():
            self.settings[key] = self.settings.get(key, {}) | value if isinstance(value, dict) else value

    async def run(self, command: str) -> None:
        """With the owner's address, in this process. A shell says what its words are."""
        shell = await asyncio.create_subprocess_exec("bash", "-c", WORDS + command, stdout=asyncio.subprocess.PIPE)
        words, _ = await shell.communicate()
        ended = await synkron(self.database.superuser_url, *words.decode().split("\0")[:-1], folder=Path.cwd())
        assert ended.returncode == 0, ended.stderr


@pytest.fixture
async def superuser(database: Database) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.superuser_url)
    yield opened
    await opened.close()


@pytest.fixture
async def doctor(
    superuser: Connection,
    connection: Connection,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    untouched_logging: None,
) -> AsyncIterator[Doctor]:
    """A healthy system: one integration, whose target listens; a scheduler that ticks, and a worker."""
    del untouched_logging
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("synkron.service.doctor.examination.WITHIN", PATIENCE)
    monkeypatch.setattr("synkron.service.doctor.network.WITHIN", PATIENCE)
    monkeypatch.setattr("synkron.service.doctor.ledger.LONGEST_BETWEEN_TICKS", SHORT_OF_THE_PLANTED)
    async with serviced(f'synk\'s "{database.name}" $x', superuser, database) as role, listening() as port:
        settings: dict[str, Any] = {"types": {"xledger": {"target": f"http://127.0.0.1:{port}/sync"}}}
        await add_integration(connection, "0 2 * * *")
        await tick(connection, Settings(**settings), scheduler="here:1")
        await connection.execute(NODES)
        yield Doctor(database, role, superuser, settings)


NODES = """
    insert into synkron.nodes (name, role, version, started_at, seen_at, skew, tzdata)
    select 'here:1', role, '0.1.0', now(), now() + interval '1 hour', interval '0', '2025b'
    from unnest(array['scheduler', 'worker']) role
"""


@asynccontextmanager
async def serviced(name: str, superuser: Connection, database: Database) -> AsyncIterator[str]:
    """A role of that name, with the grants of a service."""
    role = identifier(name)
    await superuser.execute(f"create role {role} login")
    await migrate(superuser, grant_to=name)
    await superuser.execute(f"grant select on organizations, organization_integrations to {role}")
    yield name
    await superuser.execute(f"drop owned by {role}; alter database {database.name} reset all; drop role {role}")


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A server that says nothing, and closes the connection as soon as it is sent something."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(1)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
