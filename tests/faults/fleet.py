"""The integrations of an experiment as the application edits them, and what the harness remembers of the edits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from tests.faults.clock import host_time
from tests.faults.oracle import Edit
from tests.faults.sequence import Row
from tests.faults.server import AWAY, Server

ORGANIZATION = UUID(int=1)
COMMON: dict[str, str | int] = {"attempts": 12, "backoff": "2s", "timeout": "60s"}
# One line for each way in which a type may be set up.
TYPES: dict[str, dict[str, str | int]] = {
    "xledger": {**COMMON, "catch_up": "latest"},
    "dynamics": {**COMMON, "catch_up": "skip", "concurrency": 4},
    "bufdir": {**COMMON, "catch_up": "all"},
    "fiken": {**COMMON, "catch_up": "latest", "overlap": "skip"},
    "tripletex": {**COMMON, "catch_up": "latest", "spread": "20s"},
    "poweroffice": {**COMMON, "catch_up": "latest", "pace": 60},
}
HEARTBEAT = 60


def write_settings(path: Path, address: str) -> None:
    """The ``synkron.toml`` of the experiment's processes."""
    lines = [f'heartbeat = "{HEARTBEAT}s"', 'shutdown_grace = "20s"']
    for name, keys in TYPES.items():
        lines += [f"[types.{name}]", f'target = "{address}/{name}"', 'health = { mode = "passive" }']
        lines += [f"{key} = {value!r}" for key, value in keys.items()]
    path.write_text("\n".join(lines), "utf-8")


class Fleet:
    """The rows. Every edit is repeated until the database has taken it, and noted with the time before and after."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = host_time()
        self.edits: list[Edit] = []

    async def settle(self, rows: Sequence[Row]) -> None:
        """Insert the first rows, before anybody ticks."""
        await self._write("insert into public.organizations (id, name) values ($1, 'Fjord')", ORGANIZATION)
        for row in rows:
            await self._insert(row)
            self.edits.append(Edit(row.id, row.schedule, self._began, self._began))

    async def add(self, row: Row) -> None:
        """A new row; until now there was none."""
        self.edits.append(Edit(row.id, None, self._began, self._began))
        before = host_time()
        await self._insert(row)
        self._note(row, row.schedule, before)

    async def change_schedule(self, row: Row) -> None:
        """Give a row the schedule that it has here."""
        before = host_time()
        await self._write(
            "update public.organization_integrations set cron_schedule = $2 where id = $1", UUID(row.id), row.schedule
        )
        self._note(row, row.schedule, before)

    async def switch(self, row: Row, *, on: bool) -> None:
        """Enable or disable a row."""
        before = host_time()
        await self._write("update public.organization_integrations set is_enabled = $2 where id = $1", UUID(row.id), on)
        self._note(row, row.schedule if on else None, before)

    async def delete(self, row: Row) -> None:
        """Delete a row."""
        before = host_time()
        await self._write("delete from public.organization_integrations where id = $1", UUID(row.id))
        self._note(row, None, before)

    def _note(self, row: Row, schedule: str | None, before: datetime) -> None:
        self.edits.append(Edit(row.id, schedule, before, host_time()))

    async def _insert(self, row: Row) -> None:
        await self._write(
            "insert into public.organization_integrations (id, org_id, integration_type, cron_schedule) "
            "values ($1, $2, $3, $4) on conflict (id) do nothing",
            UUID(row.id),
            ORGANIZATION,
            row.integration_type,
            row.schedule,
        )

    async def _write(self, statement: str, *arguments: object) -> None:
        """Until it is committed: a statement that broke off may have been, and does no harm when repeated."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with self._server.connected() as connection:
                        await connection.execute(statement, *arguments)
                        return
                except AWAY:
                    await pause(0.1)


PATIENCE = 120.0


async def pause(seconds: float) -> None:
    """Wait on the host's clock: between two looks, or for as long as a fault lasts."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
    except TimeoutError:
        return
