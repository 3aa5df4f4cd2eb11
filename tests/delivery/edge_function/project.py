"""A Supabase project on loopback: its database, the function of `examples/supabase` in Deno, and its platform.

The function and PostgreSQL are real; the platform and the edge runtime are stand-ins.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.http import HttpTarget
from synkron.settings.load import Settings
from tests.delivery.edge_function.platform import Platform, platform
from tests.delivery.targets.far_side import SIGNING
from tests.house.pages import ROOT
from tests.support.databases import Database
from tests.support.deno import Served, served
from tests.support.silent_relay import silent_relay

EXAMPLE = ROOT / "examples/supabase"
FUNCTION = EXAMPLE / "functions/sync/index.ts"
OWN_TABLE = EXAMPLE / "migrations/20261129000001_synced_runs.sql"
RUNTIME = Path(__file__).with_name("edge_runtime.ts")
KEY = "sb_secret_N0tAKey0fAnyProject"
SYNKRON_KEY = "sb_secret_N0tAKey0fAnyProjectEither"
PUBLISHABLE = "sb_publishable_N0tAKey0fAnyProject"


@dataclass
class Project:
    """The project, and how Synkron calls its function."""

    database: Database
    platform: Platform

    def settings(self, name: str = "sync") -> Settings:
        """What a user writes into synkron.toml."""
        return Settings.model_validate(
            {
                "listen": "127.0.0.1:0",
                "supabase": {"url": self.platform.url, "secret_key": "env:KEY"},
                "types": {"xledger": {"target": f"edge:{name}", "secret": "env:SIGNING", "backoff": "1ms"}},
            }
        )

    @asynccontextmanager
    async def target(self, key: str = SYNKRON_KEY, name: str = "sync") -> AsyncIterator[HttpTarget]:
        """The function, opened as the service opens it."""
        async with open_targets(self.settings(name), {"KEY": key, "SIGNING": SIGNING}) as targets:
            target = targets["xledger"]
            assert isinstance(target, HttpTarget)
            yield target

    async def synced(self) -> list[tuple[str, int]]:
        """The function's own table: the keys, each with the attempt that was kept."""
        connection = await asyncpg.connect(self.database.url)
        rows = await connection.fetch("select idempotency_key::text, attempt from synced_runs")
        await connection.close()
        return [(row["idempotency_key"], row["attempt"]) for row in rows]

    def begun(self, key: str) -> int:
        """How often the work of a run was begun, once the project has ended."""
        return sum(line.startswith(f"sync {key}:") for isolate in self.platform.isolates for line in isolate.said)


@asynccontextmanager
async def project(database: Database, folder: Path, **environment: str) -> AsyncIterator[Project]:
    """A project with this database, to which the function's own table is added."""
    connection = await asyncpg.connect(database.url)
    await connection.execute(OWN_TABLE.read_text("utf-8"))
    await connection.close()
    async with deployed(database, folder, **environment) as there:
        yield there


@asynccontextmanager
async def deployed(database: Database, folder: Path, **environment: str) -> AsyncIterator[Project]:
    """A project with this database as it is. Its function has the variables that Supabase gives it, and these."""
    # The tests' server has no port, and the function has no way but the network.
    async with silent_relay(database.url) as relay:
        variables = {
            "SUPABASE_URL": "http://127.0.0.1:1",
            "SUPABASE_DB_URL": relay.url,
            "SUPABASE_PUBLISHABLE_KEYS": json.dumps({"default": PUBLISHABLE}),
            "SUPABASE_SECRET_KEYS": json.dumps({"default": KEY, "synkron": SYNKRON_KEY}),
        }

        def boot() -> AbstractAsyncContextManager[Served]:
            return served(folder, FUNCTION, f"--preload={RUNTIME}", **variables, **environment)

        async with platform(boot) as there:
            yield Project(database, there)
