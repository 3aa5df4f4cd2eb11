"""One minute in which everything is due, and the scheduler's tick for it, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

import asyncpg

from bench.fleet import Connection, install, seed
from bench.machine import peak_memory
from bench.service import MODULES, BenchFailed, clock
from synkron.scheduler.decide import HEAD_START
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Claim:
    """What one tick did, by the database's clock; ``seconds`` from its call to its commit, ``memory`` in MB."""

    claimed: int
    seconds: float
    memory: float
    began: datetime
    committed: datetime


async def prepare(connection: Connection, rows: int, *, kind: str | None = None, schedule: str = "0 2 * * *") -> None:
    """A ledger and so many integrations, all enabled and with a schedule; all of one type where ``kind`` names it."""
    await install(connection)
    await seed(connection, rows, {schedule: 1}, faultless=True)
    if kind:
        await connection.execute("update organization_integrations set integration_type = $1", kind)


async def make_due(connection: Connection, *, within: timedelta) -> datetime:
    """Make every integration fire at one minute, daily in its own zone; answers the minute.

    It is at most ``within`` ahead, and not over before that: a tick that begins within it (at most a minute) claims as
    the one half a minute ahead does, and no run is so late that it is taken for lost. The watermark is where the tick
    before has left it.
    """
    now = await clock(connection)
    ahead = now + within
    moment = ahead - timedelta(seconds=ahead.second, microseconds=ahead.microsecond)
    await connection.execute(
        "update organization_integrations set "
        "cron_schedule = to_char($1::timestamptz at time zone coalesce(timezone, 'UTC'), 'FMMI FMHH24 * * *') "
        "from organizations where organizations.id = org_id",
        moment,
    )
    await connection.execute("vacuum (full, analyze) organization_integrations")
    await connection.execute("insert into synkron.watermark (at) values ($1)", moment - HEAD_START)
    return moment


def claim(url: str, moment: datetime, rows: int) -> Claim:
    """The tick half a minute ahead of the moment, by a scheduler that was just started. Raises BenchFailed."""
    command = [sys.executable, "-m", "bench.minute", url, moment.isoformat()]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=MODULES).stdout)
    for name in ("began", "committed"):
        answer[name] = datetime.fromisoformat(answer[name])
    done = Claim(**answer)
    if done.claimed != rows:
        raise BenchFailed(f"{done.claimed} of {rows} integrations were claimed")
    if done.began > moment + MINUTE:
        raise BenchFailed(f"the tick for {moment} began at {done.began}, too late to be punctual: give it more time")
    return done


async def check_claimed(connection: Connection, moment: datetime, rows: int) -> None:
    """Raise BenchFailed unless every integration has one run and one job for the moment, and the watermark moved."""
    found = await connection.fetchrow(
        """
        select count(*) as runs, count(distinct integration_id) as integrations,
            (select count(distinct payload) from synkron.queue) as jobs,
            count(*) filter (where scheduled_for = $1 and execute_after = $1 and state = 'claimed') as punctual,
            (select at = $1 from synkron.watermark) as moved
        from synkron.runs
        """,
        moment,
    )
    expected = dict.fromkeys(("runs", "integrations", "jobs", "punctual"), rows) | {"moved": True}
    if found is None or dict(found) != expected:
        raise BenchFailed(f"the claim is not whole: {dict(found or {})}, expected {expected}")


async def _tick(url: str, moment: datetime) -> dict[str, object]:
    connection = await asyncpg.connect(url)
    began_at = await clock(connection)
    began = perf_counter()
    done = await tick(connection, Settings(), scheduler="bench", at=moment - HEAD_START)
    seconds = perf_counter() - began
    committed_at = await clock(connection)
    await connection.close()
    return {
        "claimed": done.claimed,
        "seconds": seconds,
        "memory": peak_memory(),
        "began": began_at.isoformat(),
        "committed": committed_at.isoformat(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_tick(sys.argv[1], datetime.fromisoformat(sys.argv[2])))))
