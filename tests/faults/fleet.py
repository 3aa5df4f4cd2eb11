"""The integrations of an experiment as the application edits them, and what the harness remembers of the edits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from tests.faults.clock import host_time
from tests.faults.oracle import Edit
from tests.faults.sequence import Row
from tests.faults.server import AWAY, Server

# Whose clocks go as UTC's do. For one of them that is told by a zone, of which a host may have other data.
ZONE = "Africa/Abidjan"
ORGANIZATIONS: dict[int, str | None] = {1: None, 2: ZONE}
# The id's column may have any type by now.
INSERT = """
    insert into public.organization_integrations
    select filled.*
    from jsonb_to_recordset($1::jsonb) given (row jsonb),
        jsonb_populate_record(null::public.organization_integrations, given.row) filled
    on conflict (id) do nothing
"""
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


def write_settings(path: Path, address: str, without: str = "") -> None:
    """A ``synkron.toml`` for the experiment's processes, which may leave a type out."""
    lines = [f'heartbeat = "{HEARTBEAT}s"', 'shutdown_grace = "20s"']
    for name, keys in TYPES.items():
        if name == without:
            continue
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
        for number, zone in ORGANIZATIONS.items():
            await self._write(
                "insert into public.organizations (id, name, timezone) values ($1, 'Fjord', $2)", UUID(int=number), zone
            )
        await self._insert(rows)
        self.edits += [Edit(row.id, row.schedule, self._began, self._began) for row in rows]

    async def add(self, *rows: Row) -> None:
        """New rows; until now there were none."""
        self.edits += [Edit(row.id, None, self._began, self._began) for row in rows]
        before = host_time()
        await self._insert(rows)
        self._note(rows, before)

    async def change_schedule(self, row: Row) -> None:
        """Give a row the schedule that it has here."""
        before = host_time()
        await self._write(
            "update public.organization_integrations set cron_schedule = $2 where id::text = $1", row.id, row.schedule
        )
        self._note([row], before)

    async def move(self, row: Row) -> None:
        """Give a row the type and the organization that it has here. It fires as before."""
        await self._write(
            "update public.organization_integrations set integration_type = $2, org_id = $3 where id::text = $1",
            row.id,
            row.integration_type,
            UUID(int=row.organization),
        )

    async def alter_id(self) -> None:
        """Give the column of the ids another type: text, or uuid again."""
        await self._write(
            """do $$ begin
                alter table public.organization_integrations alter column id drop default;
                if pg_typeof((select id from public.organization_integrations limit 1)) = 'uuid'::regtype then
                    alter table public.organization_integrations alter column id type text;
                else
                    alter table public.organization_integrations alter column id type uuid using id::uuid;
                end if;
            end $$"""
        )

    async def switch(self, row: Row, *, on: bool) -> None:
        """Enable or disable a row."""
        before = host_time()
        await self._write("update public.organization_integrations set is_enabled = $2 where id::text = $1", row.id, on)
        self._note([row], before, fires=on)

    async def delete(self, *rows: Row) -> None:
        """Delete rows, at once."""
        before = host_time()
        await self._write(
            "delete from public.organization_integrations where id::text = any($1::text[])", [row.id for row in rows]
        )
        self._note(rows, before, fires=False)

    def _note(self, rows: Sequence[Row], before: datetime, *, fires: bool = True) -> None:
        after = host_time()
        self.edits += [Edit(row.id, row.schedule if fires else None, before, after) for row in rows]

    async def _insert(self, rows: Sequence[Row]) -> None:
        given = [
            {
                "id": row.id,
                "org_id": str(UUID(int=row.organization)),
                "integration_type": row.integration_type,
                "is_enabled": True,
                "cron_schedule": row.schedule,
            }
            for row in rows
        ]
        await self._write(INSERT, json.dumps([{"row": one} for one in given]))

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
