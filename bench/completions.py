"""Completions over the HTTP API, beside deliveries: a herd of which every second run is accepted, and completed later.

    python -m bench.completions [--quick] [--save]

H1: worker processes deliver all runs, 200 at once of each type; the targets of one type answer 202 and complete each
run with a signed request to a process with the role ``api``. A round counts only if every run succeeded, once. Beside
it the same herd, of which every run is answered 200: what the completions cost the deliveries.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import asyncpg

from bench.api import free_port
from bench.completer import completed, completing
from bench.cpu import check_accounts, children_of, parent_of, seconds_of, seconds_of_family
from bench.fleet import database
from bench.herd import NEAR
from bench.measure import Better, Measure, options, report, written
from bench.minute import claim, make_due, prepare
from bench.receiver import receiving
from bench.service import BenchFailed, Process, check_once, running, settings_file, until_finished

AT_ONCE, LATER = "xledger", "dynamics"
CONCURRENCY = 200
WORKERS = 2
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105  of the bench alone


@dataclass(frozen=True)
class Round:
    """Runs per second from the first start to the last end, of all and of those completed later; and milliseconds.

    ``api`` is the processor time of the API's process for a completion, in milliseconds; ``ours`` the share of
    Synkron's processes and of PostgreSQL in what these and the targets took of the processor.
    """

    deliveries: float
    completions: float
    latencies: list[float]
    api: float
    ours: float


def main() -> None:
    """Measure H1."""
    chosen = options(__doc__)
    check_accounts()
    runs, rounds = (3_000, 1) if chosen.quick else (20_000, 3)
    # Turn by turn, as the machine is not the same from minute to minute.
    pairs = [(one_round(runs, later=True), one_round(runs, later=False)) for _ in range(rounds)]
    mixed, plain = zip(*pairs, strict=True)
    latencies = sorted(each for one in mixed for each in one.latencies)
    p50, p99 = (written(latencies[int(len(latencies) * share)]) for share in (0.5, 0.99))
    measures = [
        Measure(
            "H1",
            f"herd of {runs:,} over HTTP, every second one completed over the API: completions",
            "a second",
            [one.completions for one in mixed],
            target=1_000,
            better=Better.HIGHER,
            note=f"a completion took {p50} ms at the median, {p99} ms at p99, with at most 50 under way",
        ),
        Measure(
            "H1",
            "the same: all runs",
            "a second",
            [one.deliveries for one in mixed],
            target=2_000,
            better=Better.HIGHER,
            peers={"the same herd, every run answered 200": [one.deliveries for one in plain]},
            note=f"the targets took {written(100 - 100 * median(one.ours for one in mixed))} % of the processor time",
        ),
        Measure("H1", "the same: processor time of the API for a completion", "ms", [one.api for one in mixed]),
    ]
    report("completions", measures, quick=chosen.quick, save=chosen.save)


def one_round(runs: int, *, later: bool) -> Round:
    """One herd. Raises BenchFailed unless every run succeeded, once, and every completion was taken."""
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database() as url:
        return asyncio.run(_round(url, Path(folder), runs, later=later))


async def _round(url: str, folder: Path, runs: int, *, later: bool) -> Round:
    (folder / "secret").write_text(SECRET, "utf-8")
    listen = f"127.0.0.1:{free_port()}"
    with receiving() as at_once, completing(f"http://{listen}", SECRET) as accepting:
        targets = {AT_ONCE: at_once, LATER: accepting if later else at_once}
        settings = f'listen = "{listen}"\n' + settings_file(
            targets, concurrency=CONCURRENCY, secret=f"file:{folder / 'secret'}"
        )
        connection = await asyncpg.connect(url)
        await prepare(connection, runs)
        await connection.execute(
            "update organization_integrations "
            "set integration_type = case when hashtext(id::text) % 2 = 0 then $1 else $2 end",
            AT_ONCE,
            LATER,
        )
        (folder / "workers").mkdir()
        (folder / "api").mkdir()
        server = parent_of(connection.get_server_pid())
        async with (
            running(connection, url, "api", settings, folder / "api") as apis,
            running(connection, url, "worker", settings, folder / "workers", processes=WORKERS) as workers,
        ):
            moment = await make_due(connection, within=NEAR)
            await asyncio.to_thread(claim, url, moment, runs)
            before = _seconds(server, apis, workers)
            await until_finished(connection, workers, runs)
            api, ours, targets = map(sub, _seconds(server, apis, workers), before)
        await check_once(connection, runs)
        statuses, latencies = completed(accepting)
    rows = await connection.fetch("select integration_type, started_at, finished_at from synkron.runs")
    await connection.close()
    late = [row for row in rows if row["integration_type"] == LATER and later]
    if statuses != (Counter({200: len(late)}) if late else Counter()):
        raise BenchFailed(f"the completions were answered {dict(statuses)}; expected {len(late)} times 200")
    return Round(
        _rate(rows), _rate(late) if late else 0.0, latencies, 1000 * api / max(len(late), 1), ours / (ours + targets)
    )


def _seconds(server: int, apis: Sequence[Process], workers: Sequence[Process]) -> tuple[float, float, float]:
    """The processor time of the API, of all that is ours with PostgreSQL, and of the targets."""
    processes = {one.running.pid for one in (*apis, *workers)}
    targets = {*children_of(os.getpid())} - processes - {server}
    ours = sum(map(seconds_of, processes)) + seconds_of_family(server)
    return sum(seconds_of(one.running.pid) for one in apis), ours, sum(map(seconds_of, targets))


def _rate(rows: list[asyncpg.Record]) -> float:
    seconds = max(row["finished_at"] for row in rows) - min(row["started_at"] for row in rows)
    return float(len(rows) / seconds.total_seconds())


if __name__ == "__main__":
    main()
