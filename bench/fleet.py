"""Organizations and integrations as a large product has them: made by a seed, the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias
from uuid import UUID

import asyncpg

from synkron.ledger.migrate import create_due_indexes, create_source_tables, migrate
from synkron.postgres.embedded import embedded_database
from synkron.settings.load import SourceTables

# As text, because asyncpg's classes take no parameters at run time.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SEED = 7
ZONES = [None, "Europe/Oslo", "Europe/Helsinki", "America/New_York"]
TYPES = {"xledger": 5, "dynamics": 4, "bufdir": 1}
DAYS = (1, 5, 10, 15, 20, 25, 28)
IS_ENABLED = 0.9
HAS_SCHEDULE = 0.95
# Of a hundred schedules so many are of a form; M, H and D stand for a minute, an hour and a day of the row's own.
MIX: Mapping[str, float] = {
    "0 2 * * *": 20,
    "M H * * *": 30,
    "M H * * 1-5": 12,
    "M H * * MON": 4.08,
    "0 3 * * 1-5": 6,
    "0 2 1 * *": 6,
    "M H D * *": 3,
    "0 2 31 * *": 1,
    "0 6 * * 1": 4,
    "M * * * *": 8,
    "0 * * * *": 3,
    "*/15 * * * *": 2,
    "*/30 8-17 * * 1-5": 0.9,
    "99 * * * *": 0.01,
    "0 0 2 * * *": 0.01,
}

Integration = tuple[UUID, UUID, str, bool, str | None]
"""Its id, its organization's, its type, whether it is enabled, and its schedule."""


@contextmanager
def database(settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of an embedded PostgreSQL that is thrown away afterwards."""
    with (
        TemporaryDirectory(prefix="synkron-bench-") as folder,
        embedded_database(Path(folder), settings) as server,
    ):
        yield server.url()


async def install(connection: Connection) -> None:
    """Make the ledger, the application's two tables, and the index of the due read."""
    await migrate(connection)
    await create_source_tables(connection, SourceTables())
    await create_due_indexes(connection, SourceTables())


async def seed(
    connection: Connection,
    rows: int,
    mix: Mapping[str, float] = MIX,
    *,
    faultless: bool = False,
) -> None:
    """Fill the two tables, two integrations an organization. ``faultless``: all enabled, and with a schedule."""
    draw = random.Random(SEED)
    organizations = [_id(draw) for _ in range(max(1, rows // 2))]
    await connection.copy_records_to_table(
        "organizations",
        records=((one, f"o{number}", draw.choice(ZONES)) for number, one in enumerate(organizations)),
        columns=["id", "name", "timezone"],
    )
    await connection.copy_records_to_table(
        "organization_integrations",
        records=integrations(rows, organizations, draw, mix, faultless=faultless),
        columns=["id", "org_id", "integration_type", "is_enabled", "cron_schedule"],
    )
    await connection.execute("vacuum analyze organizations, organization_integrations")


def integrations(
    rows: int, organizations: list[UUID], draw: random.Random, mix: Mapping[str, float], *, faultless: bool
) -> Iterator[Integration]:
    """The integrations, in no order of their schedules."""
    forms = draw.choices(list(mix), list(mix.values()), k=rows)
    types = draw.choices(list(TYPES), list(TYPES.values()), k=rows)
    for number, (form, kind) in enumerate(zip(forms, types, strict=True)):
        is_enabled = faultless or draw.random() < IS_ENABLED
        schedule = _own(form, draw) if faultless or draw.random() < HAS_SCHEDULE else None
        yield _id(draw), organizations[number % len(organizations)], kind, is_enabled, schedule


def mix_of(month: int) -> dict[str, float]:
    """The mix, so that each form fires in one month alone. What is malformed stays so."""
    return {_only_in(month, form): share for form, share in MIX.items()}


def _id(draw: random.Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)


def _own(form: str, draw: random.Random) -> str:
    minute, hour, day = draw.randrange(60), draw.randrange(24), draw.choice(DAYS)
    return form.replace("MON", "mon").replace("M", str(minute)).replace("H", str(hour)).replace("D", str(day))


def _only_in(month: int, form: str) -> str:
    fields = form.split()
    if len(fields) == 5:
        fields[3] = str(month)
    return " ".join(fields)
