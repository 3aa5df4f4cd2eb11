"""How punctual runs are while others complete over the HTTP API: 1,000 due in the minute, 1,000 completions a second.

    python -m bench.drift_beside [--quick] [--save]

H1, beside B10: the service of B10, and a process with the role ``api``. Before, as many runs of another type were
delivered as will be completed: their target has answered 202. From ten seconds before the minute on, it completes
them, so many a second. The drift is that of the 1,000 others.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from bench.api import free_port
from bench.completer import begin, completed, completing
from bench.completions import LATER, SECRET
from bench.drift import DUE, KIND, ROOM, at_share
from bench.fleet import Connection, database
from bench.measure import Better, Measure, options, report
from bench.minute import MINUTE, prepare
from bench.service import NOOP, BenchFailed, clock, pause, running, settings_file, until_finished

RATE = 1_000
LEAD = timedelta(seconds=10)
# As long before the minute as after it.
COMPLETIONS = 2 * RATE * int(LEAD.total_seconds())
CONCURRENCY = 200


def main() -> None:
    """Measure the drift, and what was completed meanwhile."""
    chosen = options(__doc__)
    rounds = [one_round() for _ in range(1 if chosen.quick else 3)]
    drifts = [drift for drift, _ in rounds]
    name = f"drift, {DUE:,} due in the minute, beside {RATE:,} completions a second"
    measures = [
        Measure("H1", f"{name}: {label}", "ms", [at_share(share, one) for one in drifts], target=target)
        for label, share, target in (("p50", 0.5, 100), ("p99", 0.99, 300))
    ]
    measures.append(
        Measure("H1", f"{name}: completions in fact", "a second", [rate for _, rate in rounds], better=Better.HIGHER)
    )
    report("drift_beside", measures, quick=chosen.quick, save=chosen.save)


def one_round() -> tuple[list[float], float]:
    """The drift of each of the 1,000, in milliseconds, in order; and the completions a second. Raises BenchFailed."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_round(url, Path(folder)))


async def _round(url: str, folder: Path) -> tuple[list[float], float]:
    (folder / "secret").write_text(SECRET, "utf-8")
    for name in ("api", "service"):
        (folder / name).mkdir()
    listen = f"127.0.0.1:{free_port()}"
    connection = await asyncpg.connect(url)
    await prepare(connection, DUE + COMPLETIONS, kind=KIND, schedule="* * * * *")
    await connection.execute("update organizations set timezone = null")
    with completing(f"http://{listen}", SECRET, hold=True) as accepting:
        settings = f'listen = "{listen}"\n' + settings_file({KIND: NOOP}, concurrency=ROOM)
        settings += settings_file({LATER: accepting}, concurrency=CONCURRENCY, secret=f"file:{folder / 'secret'}")
        moment = await _due_once(connection) + MINUTE
        async with (
            running(connection, url, "api", settings, folder / "api") as apis,
            running(connection, url, "scheduler,worker", settings, folder / "service") as services,
        ):
            await pause((moment - LEAD - await clock(connection)).total_seconds())
            await asyncio.to_thread(begin, accepting, RATE)
            await pause((moment - await clock(connection)).total_seconds())
            runs = await connection.fetchval("select count(*) from synkron.runs where scheduled_for <= $1", moment)
            await until_finished(connection, [*apis, *services], runs)
            statuses, _ = await asyncio.to_thread(completed, accepting)
    if statuses != Counter({200: COMPLETIONS}):
        raise BenchFailed(f"the completions were answered {dict(statuses)}; expected {COMPLETIONS} times 200")
    drifts = await connection.fetch(
        "select drift from synkron.runs where integration_type = $1 and scheduled_for = $2 and state = 'succeeded'",
        KIND,
        moment,
    )
    [ends] = await connection.fetch(
        "select min(finished_at) as first, max(finished_at) as last from synkron.runs where integration_type = $1",
        LATER,
    )
    await connection.close()
    first, last = ends
    if len(drifts) != DUE or not first < moment < last:
        raise BenchFailed(f"{len(drifts)} runs of {moment} succeeded; the completions came from {first} to {last}")
    milliseconds = sorted(row["drift"] / timedelta(milliseconds=1) for row in drifts)
    return milliseconds, COMPLETIONS / (last - first).total_seconds()


async def _due_once(connection: Connection) -> datetime:
    """Make all integrations but 1,000 fire once, at the next minute but one; answers that minute."""
    ahead = await clock(connection) + 2 * MINUTE
    moment = ahead - timedelta(seconds=ahead.second, microseconds=ahead.microsecond)
    await connection.execute(
        "update organization_integrations set integration_type = $1, cron_schedule = $2 "
        "where id not in (select id from organization_integrations order by id limit $3)",
        LATER,
        f"{moment.minute} {moment.hour} * * *",
        DUE,
    )
    await connection.execute("vacuum (full, analyze) organization_integrations")
    return moment


if __name__ == "__main__":
    main()
