"""The monitor on the real database and over real HTTP: who probes, when, and what is written down."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from synkron.errors import NotFound, Refused
from synkron.model import Outcome, OutcomeKind
from synkron.settings.load import Settings
from synkron.vendors import store
from synkron.vendors.health import Contact, Health, Sample, Verdict, Watch, sample_of_run
from synkron.vendors.monitor import probe_now, spending_warning, watch_health
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import Watches, read_watches, watches_of
from tests.conftest import Connection
from tests.delivery.targets.far_side import FarSide, accept, answering, far_side
from tests.support.databases import Database

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DONE = Outcome(OutcomeKind.SUCCEEDED, 200)
BROKEN = Outcome(OutcomeKind.RETRYABLE, 502, "HTTP 502")
ENVIRONMENT = {"TOKEN": "token s3cret-value"}


class Counting:
    """Sends nothing, finds what it is told, and remembers what it was asked to probe."""

    def __init__(self, finding: Verdict = Verdict.HEALTHY) -> None:
        self.finding = finding
        self.probes: list[tuple[str, datetime]] = []

    async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
        self.probes.append((watch.endpoint, at))
        return Sample(at, Contact.PROBE, self.finding, f"found {self.finding}", method=health.method or "HEAD")


def watches(*names: str, **health: Any) -> Watches:
    """Types of which each has an address of its own."""
    types = {name: {"health": {"url": f"https://{name}.example/", **health}} for name in names or ("fiken",)}
    return read_watches(Settings(types=types), ENVIRONMENT)


def watches_at(there: FarSide, path: str = "/status", **health: Any) -> Watches:
    """A type of the operator's own, at a server of the test's."""
    return read_watches(Settings(types={"fiken": {"health": {"url": f"{there.url}{path}", **health}}}), ENVIRONMENT)


async def health_of(connection: Connection, watched: Watches, at: datetime = NOON) -> Health:
    """What is known of the only endpoint."""
    [known] = (await store.read_known(connection, watched.watches, at)).values()
    return known.health


async def probed(connection: Connection, watched: Watches, at: datetime = NOON) -> Health:
    """One round over real HTTP."""
    async with open_prober(watched.requests) as prober:
        await watch_health(connection, watched, prober, at)
    return await health_of(connection, watched, at)


async def test_a_first_round_probes_and_says_when_the_next_goes(connection: Connection) -> None:
    prober, watched = Counting(), watches("aaa", "bbb")
    assert await watch_health(connection, watched, prober, NOON) == NOON + 15 * MINUTE
    assert await watch_health(connection, watched, prober, NOON + MINUTE) == NOON + 15 * MINUTE
    assert [endpoint for endpoint, _ in prober.probes] == ["https://aaa.example/", "https://bbb.example/"]


# requirement R18.4
async def test_a_real_run_spares_the_probe(connection: Connection) -> None:
    prober, watched = Counting(), watches()
    await watch_health(connection, watched, prober, NOON)
    for minutes in range(10, 600, 10):
        at = NOON + MINUTE * minutes
        await store.record(connection, watched.watches[0], [sample_of_run(DONE, MINUTE, at)])
        await watch_health(connection, watched, prober, at)
    assert len(prober.probes) == 1


# requirement R18.2
async def test_two_monitors_for_an_hour_never_probe_the_same_endpoint_twice(database: Database) -> None:
    """Both look every 15 seconds, at the same moments, on hosts of their own."""
    watched = watches("aaa", "bbb", "ccc")
    connections = [await asyncpg.connect(database.url) for _ in range(2)]
    probers = [Counting(), Counting()]
    for step in range(4 * 60 + 1):
        at = NOON + timedelta(seconds=15) * step
        await asyncio.gather(
            *(watch_health(one, watched, prober, at) for one, prober in zip(connections, probers, strict=True))
        )
    probes = sorted(probe for prober in probers for probe in prober.probes)
    assert Counter(endpoint for endpoint, _ in probes) == dict.fromkeys([one.endpoint for one in watched.watches], 5)
    for (endpoint, at), (other, following) in pairwise(probes):
        assert endpoint != other or following - at >= 15 * MINUTE
    assert await connections[0].fetchval("select sum(probes) from synkron.probe_spend") == 15
    for one in connections:
        await one.close()


async def test_many_claims_of_a_probe_at_once(database: Database) -> None:
    watched = watches()
    connections = [await asyncpg.connect(database.url) for _ in range(8)]
    await store.keep(connections[0], watched.watches, NOON)
    barrier = asyncio.Barrier(8)

    async def claim(connection: Connection) -> Health | None:
        await barrier.wait()
        return await store.claim(connection, watched.watches[0], NOON)

    won = [one for one in await asyncio.gather(*map(claim, connections)) if one is not None]
    assert len(won) == 1
    for one in connections:
        await one.close()


async def test_a_monitor_that_is_lost_in_the_middle_of_a_probe(connection: Connection) -> None:
    """Its claim is written before anything is sent: the next goes after 15 minutes."""

    class Lost:
        async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
            del watch, health, at
            raise asyncio.CancelledError

    watched, prober = watches(), Counting()
    with pytest.raises(asyncio.CancelledError):
        await watch_health(connection, watched, Lost(), NOON)
    for minutes in range(16):
        await watch_health(connection, watched, prober, NOON + MINUTE * minutes)
    assert [at for _, at in prober.probes] == [NOON + 15 * MINUTE]


async def test_no_transaction_is_open_while_a_probe_is_under_way(connection: Connection) -> None:
    class Looking(Counting):
        async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
            assert not connection.is_in_transaction()
            return await super().probe(watch, health, at)

    await watch_health(connection, watches(), Looking(), NOON)


# requirement R18.4
async def test_the_share_of_the_allowance_is_not_overrun(connection: Connection) -> None:
    """Ten of a hundred: at every quarter of an hour they are spent early; the next month has its own."""
    prober, watched = Counting(), watches(allowance=100)
    at = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
    while at < datetime(2026, 7, 1, 1, 0, tzinfo=UTC):
        due = await watch_health(connection, watched, prober, at)
        assert due is not None
        at = due
    june = [at for _, at in prober.probes if at.month == 6]
    assert (len(june), june[-1]) == (10, datetime(2026, 6, 29, 14, 15, tzinfo=UTC))
    assert prober.probes[10][1] == datetime(2026, 7, 1, tzinfo=UTC)
    [known] = (await store.read_known(connection, watched.watches, june[-1])).values()
    assert (known.probes, known.counted) == (10, 10)


async def test_a_share_of_nothing_lets_no_probe_go(connection: Connection) -> None:
    prober, watched = Counting(), watches(allowance=5)
    assert await watch_health(connection, watched, prober, NOON) == datetime(2026, 7, 1, tzinfo=UTC)
    with pytest.raises(Refused, match=r"share of the allowance is spent.*2026-07-01 00:00:00"):
        await probe_now(connection, watched, prober, "fiken", NOON)
    assert prober.probes == []


async def test_a_type_without_an_address_is_never_probed(connection: Connection) -> None:
    prober = Counting()
    watched = read_watches(Settings(types={"fiken": {"target": "https://example.com/sync"}}), {})
    assert await watch_health(connection, watched, prober, NOON) is None
    assert prober.probes == []
    assert (await health_of(connection, watched)).verdict is Verdict.UNKNOWN
    with pytest.raises(Refused, match="is not probed"):
        await probe_now(connection, watched, prober, "fiken", NOON)
    with pytest.raises(NotFound, match="is not watched"):
        await probe_now(connection, watched, prober, "xledger", NOON)


# requirement R18.5
@pytest.mark.parametrize("fixed", [True, False])
async def test_in_passive_mode_a_failed_run_alone_turns_the_verdict(connection: Connection, fixed: bool) -> None:
    """Throttled, or told so by the settings: nothing is sent, and the next good run is the recovery."""
    prober = Counting(Verdict.THROTTLED)
    watched = watches(mode="passive") if fixed else watches()
    watch = watched.watches[0]
    await watch_health(connection, watched, prober, NOON)
    seen = []
    for minute, outcome in enumerate((None, DONE, BROKEN, None, BROKEN, DONE, None), start=1):
        at = NOON + MINUTE * 5 * minute
        if outcome is not None:
            await store.record(connection, watch, [sample_of_run(outcome, MINUTE, at)])
        await watch_health(connection, watched, prober, at)
        seen.append((await health_of(connection, watched)).verdict.value)
    first = "unknown" if fixed else "throttled"
    assert seen == [first, "healthy", "unreachable", "unreachable", "unreachable", "healthy", "healthy"]
    assert (await health_of(connection, watched)).known_by == "passive"
    assert len(prober.probes) == (0 if fixed else 1)


# requirement R18.5
async def test_the_trial_at_the_end_of_a_throttling(connection: Connection) -> None:
    """One probe: refused, the rest is twice as long; let through, all is as before."""
    prober, watched = Counting(Verdict.THROTTLED), watches()
    at: datetime | None = NOON
    waits = []
    for _ in range(3):
        assert at is not None
        following = await watch_health(connection, watched, prober, at)
        assert following is not None
        waits.append(following - at)
        at = following
    prober.finding = Verdict.HEALTHY
    assert at is not None
    following = await watch_health(connection, watched, prober, at)
    assert following == at + 15 * MINUTE
    assert waits == [timedelta(hours=hours) for hours in (1, 2, 4)]
    assert [moment for _, moment in prober.probes] == [NOON + timedelta(hours=hours) for hours in (0, 1, 3, 7)]
    assert (await health_of(connection, watched)).verdict is Verdict.HEALTHY


async def test_a_failed_run_makes_a_probe_due(connection: Connection) -> None:
    prober, watched = Counting(), watches(interval="6h")
    await watch_health(connection, watched, prober, NOON)
    later = NOON + 100 * MINUTE
    await store.record(connection, watched.watches[0], [sample_of_run(BROKEN, MINUTE, later)])
    assert (await health_of(connection, watched)).verdict is Verdict.DEGRADED
    await watch_health(connection, watched, prober, later)
    assert [at for _, at in prober.probes] == [NOON, later]
    assert (await health_of(connection, watched)).verdict is Verdict.HEALTHY


async def test_probe_now_is_bound_by_the_same_limits(connection: Connection) -> None:
    prober, watched = Counting(), watches(interval="6h")
    await watch_health(connection, watched, prober, NOON)
    with pytest.raises(Refused, match=r"less than 15 minutes ago.*2026-06-01 12:15:00"):
        await probe_now(connection, watched, prober, "fiken", NOON + 14 * MINUTE)
    prober.finding = Verdict.THROTTLED
    done = await probe_now(connection, watched, prober, "fiken", NOON + 15 * MINUTE)
    assert (done.sample.finding, done.health.verdict) == (Verdict.THROTTLED, Verdict.THROTTLED)
    with pytest.raises(Refused, match="has refused further requests"):
        await probe_now(connection, watched, prober, "fiken", NOON + 60 * MINUTE)
    assert len(prober.probes) == 2


async def test_what_is_written_down(connection: Connection) -> None:
    prober, watched = Counting(), watches()
    watch = watched.watches[0]
    late = NOON + 59 * MINUTE
    await watch_health(connection, watched, prober, late)
    await store.record(
        connection, watch, [sample_of_run(BROKEN, MINUTE, late + MINUTE), sample_of_run(DONE, MINUTE, late + MINUTE)]
    )
    samples = await connection.fetch("select * from synkron.samples order by at, finding desc")
    assert [(one["source"], one["finding"], one["contacts"]) for one in samples] == [
        ("probe", "healthy", 1),
        ("run", "unreachable", 1),
        ("run", "healthy", 1),
    ]
    assert (samples[1]["http_status"], samples[1]["latency"]) == (502, MINUTE)
    hours = (await store.read_hours(connection, [watch], NOON))[watch.endpoint]
    assert [
        (one.hour, one.probes, one.findings[Verdict.HEALTHY], one.findings[Verdict.UNREACHABLE]) for one in hours
    ] == [
        (NOON, 1, 1, 0),
        (NOON + timedelta(hours=1), 0, 1, 1),
    ]


async def test_what_is_forgotten(connection: Connection) -> None:
    watched = watches()
    watch = watched.watches[0]
    for days in (0, 6, 8, 89, 91, 400, 440):
        at = NOON - timedelta(days=days)
        await connection.execute("delete from synkron.health")
        await watch_health(connection, watched, Counting(), at)
    await store.forget(connection, NOON)
    assert await connection.fetchval("select count(*) from synkron.samples") == 2
    assert await connection.fetchval("select count(*) from synkron.health_hours") == 4
    assert await connection.fetchval("select count(*) from synkron.probe_spend") == 4
    assert len((await store.read_hours(connection, [watch], NOON - timedelta(days=1000)))[watch.endpoint]) == 4


async def test_an_endpoint_that_is_not_watched_any_more_is_forgotten_after_a_day(connection: Connection) -> None:
    await watch_health(connection, watches("aaa"), Counting(), NOON)
    await watch_health(connection, watches("bbb"), Counting(), NOON + timedelta(hours=23))
    assert await connection.fetchval("select count(*) from synkron.health") == 2
    await watch_health(connection, watches("bbb"), Counting(), NOON + timedelta(hours=25))
    assert await connection.fetchval("select array_agg(endpoint) from synkron.health") == ["https://bbb.example/"]


async def test_types_that_share_an_endpoint_are_one_row(connection: Connection) -> None:
    prober = Counting()
    types = {name: {"health": {"url": "https://one.example/"}} for name in ("aaa", "bbb")}
    await watch_health(connection, read_watches(Settings(types={"aaa": types["aaa"]}), {}), prober, NOON)
    await watch_health(connection, read_watches(Settings(types=types), {}), prober, NOON + 15 * MINUTE)
    row = await connection.fetchrow("select integration_types, verdict from synkron.health")
    assert tuple(row or ()) == (["aaa", "bbb"], "healthy")
    assert len(prober.probes) == 2


async def test_a_database_with_repeatable_reads_by_default(connection: Connection, database: Database) -> None:
    await connection.execute(f"alter database {database.name} set default_transaction_isolation = 'repeatable read'")
    other = await asyncpg.connect(database.url)
    await store.keep(other, watches().watches, NOON)
    claims = await asyncio.gather(*(store.claim(one, watches().watches[0], NOON) for one in (connection, other)))
    assert sum(one is not None for one in claims) == 1
    await other.close()


# requirement R18.1
async def test_a_head_that_is_not_served_falls_back_and_is_remembered(connection: Connection) -> None:
    """Each probe is one request: a 405 shows that the vendor is there, and the next one asks otherwise."""
    methods: list[str] = []

    async def only_options(request: web.Request) -> web.Response:
        methods.append(request.method)
        if request.method == "OPTIONS":
            return web.Response(status=204)
        return web.Response(status=405, headers={"Allow": "GET, OPTIONS, POST"})

    async with far_side(only_options) as there:
        watched = watches_at(there)
        verdicts = [(await probed(connection, watched, NOON + 16 * MINUTE * number)).verdict for number in range(3)]
    assert methods == ["HEAD", "OPTIONS", "OPTIONS"]
    assert set(verdicts) == {Verdict.HEALTHY}


async def test_a_head_that_is_hung_up_on(connection: Connection) -> None:
    methods: list[str] = []

    async def only_get(request: web.Request) -> web.StreamResponse:
        methods.append(request.method)
        if request.method != "GET":
            assert request.transport is not None
            request.transport.close()
        return web.Response(text="hello")

    async with far_side(only_get) as there:
        watched = watches_at(there)
        at, verdicts = NOON, []
        for _ in range(4):
            health = await probed(connection, watched, at)
            verdicts.append(health.verdict.value)
            assert health.next_probe_at is not None
            at = health.next_probe_at
    assert methods == ["HEAD", "OPTIONS", "GET", "GET"]
    assert verdicts == ["unreachable", "unreachable", "healthy", "healthy"]


async def test_secrets_are_sent_and_never_told(connection: Connection) -> None:
    async def telling(request: web.Request) -> web.Response:
        said = f"{request.headers['Authorization']} {request.query_string}"
        return web.json_response({"errors": [{"code": said}]})

    async with far_side(telling) as there:
        watched = watches_at(
            there, "/status?key=qu3ry-secret", method="POST", body="{}", headers={"Authorization": "env:TOKEN"}
        )
        health = await probed(connection, watched)
        [request] = there.requests
    assert request.headers["Authorization"] == ENVIRONMENT["TOKEN"]
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b"{}"
    assert health.verdict is Verdict.DEGRADED
    told = str(await connection.fetch("select h, s from synkron.health h, synkron.samples s"))
    assert "s3cret" not in told
    assert "qu3ry" not in told
    assert "[redacted]" in told


async def test_nobody_listens(connection: Connection) -> None:
    async with far_side(accept) as there:
        watched = watches_at(there)
    health = await probed(connection, watched)
    assert (health.verdict, health.failures) == (Verdict.UNREACHABLE, 1)
    assert "no connection to 127.0.0.1" in health.reason


async def test_a_429_says_when(connection: Connection) -> None:
    async with far_side(answering(429, Retry_After="7200")) as there:
        health = await probed(connection, watches_at(there))
    assert health.passive_until is not None
    assert timedelta(hours=2) <= health.passive_until - NOON < timedelta(hours=2, seconds=30)
    assert health.verdict is Verdict.THROTTLED


def test_an_interval_that_overruns_the_share_is_warned_of() -> None:
    [fits] = watches_of(Settings(types={"xledger": {"health": {"headers": {"Authorization": "x"}}}}))
    assert spending_warning(fits, NOON) is None
    [hasty] = watches_of(
        Settings(types={"xledger": {"health": {"headers": {"Authorization": "x"}, "interval": "15m"}}})
    )
    warning = spending_warning(hasty, NOON)
    assert warning is not None
    assert "up to 2976 probes" in warning
    assert "2026-07-01" in warning
    assert "90m" in warning
