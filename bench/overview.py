"""How long the dashboard's pages take of 1,000,000 integrations with 10,000,000 runs (D1 to D3).

    python -m bench.overview [--quick] [--save]

`synkron run --role api` serves them over HTTP, one request after the other. D1 is the 95th percentile of the time for
an overview, from the request to the last byte of its HTML: of each order the first page, a deep one (after nine tenths
of the rows), a search for one organization and one that every row fits, each state, and one type; and the page of one
organization. Beside it what the figures at its top take, and how large the largest page is. D2 is the refresh of the
copy that gives the order. D3 are the pages that add up many runs or moments.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import urlencode

import asyncpg

from bench.api import Api, serving
from bench.fleet import Connection, database, install, seed
from bench.measure import Measure, options, report
from bench.past_runs import SERVER, fill_copy, fill_past
from synkron.model import EVERYTHING, Scope
from synkron.postgres.connection import connected
from synkron.reports.overview.cursor import START, Place, Sort, cursor_of
from synkron.reports.overview.order import SQL
from synkron.reports.overview.rows import RowState
from synkron.service.overview.refresh import refresh
from synkron.service.status.tiles import tiles
from synkron.settings.load import Settings

FULL = 1_000_000
TARGET, LARGEST = 150, 200
ROUNDS, QUICK_ROUNDS = 5, 2
DEPTH = 0.9
SLOWEST = 6
# The pages of D3: what comes is remembered for a minute, and asked for twice; what was is read each time.
COMING = ("/timeline?range=1h", "/timeline?range=24h", "/timeline?range=7d", "/heat")
PAST = ("/drift?range=24h", "/drift?range=7d")


def main() -> None:
    """Measure and report."""
    flags = options(__doc__)
    rows, rounds = (20_000, QUICK_ROUNDS) if flags.quick else (FULL, ROUNDS)
    with TemporaryDirectory(prefix="synkron-bench-") as folder, database(SERVER) as url:
        measures = asyncio.run(_measured(url, Path(folder), rows, rounds))
    report("overview", measures, quick=flags.quick, save=flags.save)


async def _measured(url: str, folder: Path, rows: int, rounds: int) -> list[Measure]:
    connection = await asyncpg.connect(url)
    await install(connection)
    await seed(connection, rows)
    await fill_past(connection)
    await fill_copy(connection)
    measures = await measure(connection, url, folder, rows, rounds)
    await connection.close()
    return measures


async def measure(connection: Connection, url: str, folder: Path, rows: int, rounds: int) -> list[Measure]:
    """The measures of a database that is filled."""
    org_id = await connection.fetchval("select org_id::text from organization_integrations limit 1")
    async with serving(connection, url, folder, "pages") as api:
        pages = await _pages(api, await _addresses(connection, rows, org_id), rounds, is_full=rows == FULL)
    figures = [await _figures(url, scope, rounds) for scope in (EVERYTHING, Scope(org_id))]
    sums = await _sums(connection, url, folder)
    return [*pages, *figures, await _refresh(connection, rows), *sums]


async def _addresses(connection: Connection, rows: int, org_id: str) -> list[str]:
    draw = random.Random(1)
    found = [f"/o/{org_id}"]
    for sort in Sort:
        kinds: list[dict[str, str]] = [
            {},
            {"after": await _deep(connection, sort, rows)},
            {"q": f"o{draw.randrange(rows // 2)}"},
            {"q": "o"},
            {"type": "bufdir"},
            *({"state": str(state)} for state in RowState),
        ]
        found += [f"/?{urlencode({'sort': sort} | kind)}" for kind in kinds]
    return found


async def _pages(api: Api, addresses: list[str], rounds: int, *, is_full: bool) -> list[Measure]:
    """Each overview in each round, in an order by chance."""
    taken: dict[str, list[float]] = {address: [] for address in addresses}
    sizes: dict[str, list[float]] = {address: [] for address in addresses}
    draw = random.Random(2)
    p95 = []
    for number in range(rounds + 1):
        for address in draw.sample(addresses, len(addresses)):
            answered = await api.page(address)
            # In the first round, the process reads its templates and makes its connections.
            if number:
                taken[address].append(answered.seconds * 1000)
                sizes[address].append(len(answered.body) / 1000)
        if number:
            p95.append(_p95(one[-1] for one in taken.values()))
    slowest = sorted(addresses, key=lambda address: _p95(taken[address]), reverse=True)[:SLOWEST]
    each = ", ".join(f"{_short(address)} {_p95(taken[address]):.0f} ms" for address in slowest)
    middle = quantiles(chain.from_iterable(taken.values()), n=2)[0]
    largest = max(chain.from_iterable(sizes.values()))
    return [
        Measure(
            "D1",
            f"overview over HTTP, p95 of {len(addresses)} kinds of page",
            "ms",
            p95,
            TARGET if is_full else None,
            note=f"the median of all is {middle:.0f} ms. The slowest kinds, p95 of each: {each}",
        ),
        Measure("D1", "the same, the largest page", "kB", [largest], LARGEST if is_full else None),
    ]


async def _figures(url: str, scope: Scope, rounds: int) -> Measure:
    """What of an overview's time goes to the figures at its top, on a connection as the API has it."""
    taken = []
    async with connected(url) as connection:
        for _ in range(2 * rounds):
            began = perf_counter()
            await tiles(connection, Settings(), scope)
            taken.append((perf_counter() - began) * 1000)
    whose = "of all" if scope == EVERYTHING else "of one organization"
    return Measure("D1", f"the figures at its top, {whose}, without HTTP", "ms", taken)


async def _refresh(connection: Connection, rows: int) -> Measure:
    seconds = []
    for _ in range(3):
        began = perf_counter()
        await refresh(connection, Settings())
        seconds.append(perf_counter() - began)
    return Measure("D2", f"refresh of the copy of {rows:,} integrations", "s", seconds)


async def _sums(connection: Connection, url: str, folder: Path) -> list[Measure]:
    """Each page, of a process that has answered nothing before."""
    measures = []
    async with serving(connection, url, folder, "sums") as api:
        for address in (*COMING, *PAST):
            first = await api.page(address)
            note = f"{(await api.page(address)).seconds:.3g} s the second time" if address in COMING else ""
            measures.append(Measure("D3", f"page {address}, the first of a process", "s", [first.seconds], note=note))
    return measures


async def _deep(connection: Connection, sort: Sort, rows: int) -> str:
    """The cursor after nine tenths of the rows."""
    statement = SQL["found"].replace("o.integration_id = any(array(select integration_id from candidate)) and", "")
    statement = statement.replace("limit $13", f"offset {int(rows * DEPTH)} limit $13")
    row = await connection.fetchrow(statement, *(None,) * 6, *START, sort, 1)
    assert row is not None
    return cursor_of(sort, Place(*row))


def _p95(figures: Iterable[float]) -> float:
    found = list(figures)
    return quantiles(found, n=20)[-1] if len(found) > 1 else found[0]


def _short(address: str) -> str:
    """Without what a cursor holds."""
    begin, found, _ = address.partition("&after=")
    return begin + ("&after=..." if found else "")


if __name__ == "__main__":
    main()
