"""A run that a person cancelled while its target was called, or after it had accepted: it is no failure."""

from __future__ import annotations

import asyncio

import pytest

from synkron.incidents.condition import IncidentKind
from synkron.incidents.conditions.store import read_conditions
from synkron.model import Outcome, OutcomeKind
from synkron.operations.runs import cancel
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Pool
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import PATIENCE, add_integration, nothing_queued, watching
from tests.support.working import QUICK, Recorder, claim, working

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 202)


@pytest.mark.parametrize("accepts", [False, True], ids=["is called", "has accepted"])
async def test_no_incident_opens_for_it(
    connection: Connection, database: Database, pool: Pool, *, accepts: bool
) -> None:
    """One would if its attempt had failed."""
    await add_integration(connection, "0 * * * *")
    [run_id] = await claim(connection)
    held = asyncio.Event()
    target = Recorder(ACCEPTED) if accepts else Recorder(wait=held)
    async with watching(database) as until, working(pool, target):
        await target.called.wait()
        if accepts:
            await until(nothing_queued)
        await cancel(connection, [run_id], "kari", "wrong period")
        async with asyncio.timeout(PATIENCE):
            await target.ended.wait()
        held.set()
    assert await connection.fetchval("select state from synkron.runs") == "failed"
    assert await failures(connection) == []
    await connection.execute("update synkron.attempts set outcome = 'final'")
    assert await failures(connection) == [IncidentKind.RUN_FAILED]


async def failures(connection: Connection) -> list[IncidentKind]:
    """The conditions of runs that failed for good."""
    found = await read_conditions(connection, QUICK, (), (), await database_clock(connection))
    return [one.kind for one in found if one.kind is IncidentKind.RUN_FAILED]
