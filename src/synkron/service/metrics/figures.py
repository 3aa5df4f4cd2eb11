"""Reads the figures for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record

from synkron.incidents.conditions.failed_runs import Verified
from synkron.incidents.conditions.store import read_verification
from synkron.ledger.nodes import Node, nodes
from synkron.model import EVERYTHING
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.service.doctor.ledger import Jobs
from synkron.service.doctor.store import read_jobs
from synkron.service.status import store as status
from synkron.settings.load import Settings
from synkron.settings.quick import type_names
from synkron.vendors import store as vendors
from synkron.vendors.health import Health

SQL = statements("service/metrics/store")
# The bounds of the buckets, in seconds. A start is late after 300.
DRIFT = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
DURATION = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
BOUNDS: Mapping[str, Sequence[float]] = {"drift": DRIFT, "duration": DURATION}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was read: rows as in ``store.sql``, and nouns. ``types`` are those of the settings."""

    types: frozenset[str]
    frame: Record
    runs: Sequence[Record]
    lengths: Sequence[Record]
    unfinished: Record
    jobs: Sequence[Jobs]
    pauses: int
    held: Sequence[Record]
    incidents: Sequence[Record]
    verification: Verified | None
    nodes: Sequence[Node]
    endpoints: Sequence[Health]


async def read_figures(connection: Connection, settings: Settings) -> Figures:
    """All figures, as they are at one moment. Raises LedgerMissing and ServiceRoleRequired."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        [frame] = await connection.fetch(SQL["frame"])
        [unfinished] = await connection.fetch(status.SQL["runs"], frame["now"], *EVERYTHING)
        [counts] = await connection.fetch(status.SQL["counts"], frame["now"], *EVERYTHING)
        return Figures(
            types=frozenset(type_names(settings)),
            frame=frame,
            runs=await connection.fetch(SQL["runs"]),
            lengths=await connection.fetch(SQL["lengths"], DRIFT, DURATION),
            unfinished=unfinished,
            jobs=await read_jobs(connection),
            pauses=counts["pauses"],
            held=await connection.fetch(SQL["held"]),
            incidents=await connection.fetch(SQL["incidents"]),
            verification=await read_verification(connection),
            nodes=await nodes(connection, settings.heartbeat),
            endpoints=await vendors.read_all(connection),
        )
