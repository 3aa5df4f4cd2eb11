"""Stores contacts with the vendors' endpoints and the health known from them. Losing a claim is a normal result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from synkron.postgres.connection import Connection, Executor
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.vendors.health import Contact, Health, Sample, Verdict, Watch, health_after

SQL = statements("vendors/store")
# The fields in the order of the parameters: of `write`, and of `add_samples` after the endpoint.
WRITTEN = (
    *("endpoint", "verdict", "reason", "known_by", "since", "sampled_at", "next_probe_at", "method", "failures"),
    *("failed_runs", "throttles", "passive_until", "failed_org_id", "probed_at"),
)
SAMPLED = ("at", "source", "finding", "reason", "contacts", "latency", "http_status", "resets_at")


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint's health, with this month's number of probes, and how many of these the vendor counts."""

    health: Health
    probes: int
    counted: int


@dataclass(frozen=True, slots=True)
class Hour:
    """The contacts of one hour: how many had each finding, and how many were probes."""

    hour: datetime
    findings: Mapping[Verdict, int]
    probes: int


@dataclass(frozen=True, slots=True)
class RecordedSample:
    """What ``contacts`` contacts of a moment showed; they are kept for a week."""

    at: datetime
    source: Contact
    finding: Verdict
    reason: str
    contacts: int
    latency: timedelta | None
    http_status: int | None
    resets_at: datetime | None


async def keep(connection: Executor, watches: Sequence[Watch], at: datetime) -> None:
    """Create or update the row of each watched endpoint."""
    await connection.execute(
        SQL["keep"],
        [watch.endpoint for watch in watches],
        [",".join(watch.integration_types) for watch in watches],
        [watch.probes for watch in watches],
        at,
    )


async def drop_unwatched(connection: Executor, watches: Sequence[Watch], at: datetime) -> None:
    """Delete endpoints that are not watched any more."""
    await connection.execute(SQL["drop_unwatched"], [watch.endpoint for watch in watches], at)


async def read_known(connection: Executor, watches: Iterable[Watch], at: datetime) -> dict[str, EndpointState]:
    """What is known about each watched endpoint that has a row."""
    rows = await connection.fetch(SQL["known"], [watch.endpoint for watch in watches], at)
    return {row["endpoint"]: EndpointState(_health_of(row), row["probes"], row["counted"]) for row in rows}


async def read_all(connection: Executor) -> list[Health]:
    """What is known about all endpoints, also those of other processes' settings."""
    return [_health_of(row) for row in await connection.fetch(SQL["all"])]


async def claim(connection: Connection, watch: Watch, at: datetime, *, only_when_due: bool = True) -> Health | None:
    """The right to send one probe at that moment, already counted; None if another process has it or it is refused."""
    # A second claim waits for the first and reads the row again. With stricter isolation it would fail instead.
    async with connection.transaction(isolation="read_committed"):
        row = await connection.fetchrow(SQL["claim"], watch.endpoint, at, watch.most_probes, only_when_due)
    return None if row is None else _health_of(row)


async def record(connection: Connection, watch: Watch, samples: Sequence[Sample]) -> Health:
    """Update what is known with the samples, the oldest first: the row, the samples and their hours, all at once."""
    async with connection.transaction(isolation="read_committed"):
        row = await connection.fetchrow(SQL["lock"], watch.endpoint)
        if row is None:
            await keep(connection, [watch], samples[0].at)
            row = await connection.fetchrow(SQL["lock"], watch.endpoint)
            assert row is not None  # noqa: S101 - it was made in this transaction
        health = _health_of(row)
        for sample in samples:
            health = health_after(health, sample, watch)
        await connection.execute(SQL["write"], *(getattr(health, name) for name in WRITTEN))
        columns = ([getattr(one, name) for one in samples] for name in SAMPLED)
        await connection.execute(SQL["add_samples"], watch.endpoint, *columns)
    return health


async def read_hours(connection: Executor, watches: Iterable[Watch], since: datetime) -> dict[str, list[Hour]]:
    """The hours in which each endpoint was contacted, the oldest first."""
    found: dict[str, list[Hour]] = {watch.endpoint: [] for watch in watches}
    for row in await connection.fetch(SQL["hours"], list(found), since):
        findings: dict[Verdict, int] = {
            verdict: row[verdict.value] for verdict in Verdict if verdict is not Verdict.UNKNOWN
        }
        found[row["endpoint"]].append(Hour(row["hour"], findings, row["probes"]))
    return found


async def read_samples(
    connection: Executor, endpoint: str, *, before: datetime | None = None, least: int
) -> list[RecordedSample]:
    """The endpoint's samples from ``before`` that moment, the newest first: so many, and all of the last's moment."""
    rows = await connection.fetch(SQL["samples"], endpoint, before, least)
    return [read(RecordedSample, row, source=Contact(row["source"]), finding=Verdict(row["finding"])) for row in rows]


async def forget(connection: Executor, now: datetime) -> None:
    """Delete records that are too old."""
    await connection.execute(SQL["forget"], now)


def _health_of(row: Record) -> Health:
    return read(Health, row, integration_types=tuple(row["integration_types"]), verdict=Verdict(row["verdict"]))
