"""Days of each vendor, by a stepped clock: outages, throttling and nightly exports, over real HTTP.

Thirty of Xledger, whose allowance is a month's, and of the others as many as have something happen.

Shown with `-s`: a line for each vendor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from aiohttp import ClientSession, TCPConnector

from synkron.model import OutcomeKind
from synkron.settings.integrations import SHORTEST_INTERVAL
from synkron.vendors import store
from synkron.vendors.health import Health, Sample, Verdict, Watch, backoff, is_passive, sample_of_run
from synkron.vendors.monitor import watch_health
from synkron.vendors.probe.prober import Prober, open_prober
from tests.conftest import Connection
from tests.vendors.simulators.business_central import BusinessCentral
from tests.vendors.simulators.clock import SteppedClock
from tests.vendors.simulators.dataverse import Dataverse
from tests.vendors.simulators.serving import SimulatedFault, Simulator
from tests.vendors.simulators.watched import NAMES, Watched, watched
from tests.vendors.simulators.xledger import Xledger

START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = {"xledger": 30, "business_central": 13, "dataverse": 13, "bufdir": 13}
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# As many requests of exports a night as leave room for no more than the probes' share, or for two requests at once.
EXPORTS = {"xledger": 15, "business_central": 10, "dataverse": 10, "bufdir": 1}
ALLOWANCE, LIMIT = DAYS["xledger"] * EXPORTS["xledger"] + 500, 12


def moment(day: int, hour: int, minute: int = 0) -> datetime:
    return START + timedelta(days=day - 1, hours=hour, minutes=minute)


OUTAGES = [
    (moment(2, 1, 7), moment(2, 7, 40), SimulatedFault.DOWN),
    (moment(5, 14, 3), moment(5, 14, 51), SimulatedFault.CLOSED),
    (moment(7, 22), moment(8, 21, 13), SimulatedFault.ERROR),
    (moment(11, 2, 1), moment(11, 2, 30), SimulatedFault.DOWN),
]
THROTTLED = [
    (moment(3, 1, 30), moment(3, 5)),
    (moment(9, 9, 2), moment(9, 13, 30)),
    (moment(12, 12), moment(12, 12, 2)),
]


@dataclass
class Course:
    """What happened: the probes, the requests of exports, when one was refused, and what was known when."""

    probes: list[datetime] = field(default_factory=list)
    exports: int = 0
    refused: list[datetime] = field(default_factory=list)
    known: list[tuple[datetime, Health]] = field(default_factory=list)

    def at(self, moment: datetime) -> Health:
        """What was known at the moment."""
        return [health for seen, health in self.known if seen <= moment][-1]


class Recording:
    """A prober that remembers when it probed."""

    def __init__(self, prober: Prober, probes: list[datetime]) -> None:
        self._prober = prober
        self._probes = probes

    async def probe(self, watch: Watch, health: Health, at: datetime) -> Sample:
        self._probes.append(at)
        return await self._prober.probe(watch, health, at)


# requirement R18.2, R18.4
@pytest.mark.parametrize("name", NAMES)
async def test_thirty_days(connection: Connection, name: str) -> None:
    clock = SteppedClock(START)
    async with watched(name, clock, allowance=ALLOWANCE, limit=LIMIT) as there:
        there.vendor.outages = list(OUTAGES)
        end = START + timedelta(days=DAYS[name])
        course = await lived_through(connection, there, clock, EXPORTS[name], end)
        [watch] = there.watches.watches
        named = await named_resets(connection)
        spend = await connection.fetchrow(
            "select sum(probes) as probes, sum(counted) as counted from synkron.probe_spend"
        )
        late = [one for change in changes(end) if (one := lateness(course, watch, *change)) is not None]
        assert spend is not None
        sys.stdout.write(_line(name, watch, course, spend["counted"], late))
        # Never closer than 15 minutes, and never while the vendor said that it wants none.
        gaps = [after - before for before, after in pairwise(course.probes)]
        assert min(gaps) >= SHORTEST_INTERVAL
        assert not [at for at in course.probes for start, end in named if start < at < end]
        # What was sent is what was counted, and within the share.
        assert len(course.probes) == spend["probes"]
        assert watch.most_probes is None or spend["counted"] <= watch.most_probes
        # The verdict followed the truth.
        assert len(late) >= 6
        assert [text for ok, text in late if not ok] == []
        # An export was only refused while the vendor refused everyone.
        assert [at for at in course.refused if not any(start <= at < end for start, end in THROTTLED)] == []
        if isinstance(there.vendor, Xledger):
            assert there.vendor.overage_this_month == 0
            assert there.vendor.requests_by_month["2026-06"] <= course.exports + len(course.probes)


async def lived_through(
    connection: Connection, there: Watched, clock: SteppedClock, exports: int, end: datetime
) -> Course:
    """All of the days, stepped from one thing that happens to the next."""
    course = Course()
    [watch] = there.watches.watches
    happening = _happening(there.vendor)
    nightly = [moment(day, 2, minute) for day in range(1, (end - START).days + 1) for minute in (0, 5)]
    stops = sorted({*happening, *nightly})
    async with open_prober(there.watches.requests) as prober, ClientSession(connector=TCPConnector(limit=0)) as client:
        recording = Recording(prober, course.probes)
        failed = False
        while clock.now < end:
            at = clock.now
            if at in happening:
                happening[at]()
            if at in nightly and (at.minute == 0 or failed):
                failed = await _exported(connection, there, client, course, at, exports)
            due = await watch_health(connection, there.watches, recording, at)
            [known] = (await store.read_known(connection, [watch], at)).values()
            course.known.append((at, known.health))
            following = next((stop for stop in stops if stop > at), end)
            clock.now = max(at + SECOND, min(following, due or end, end))
    return course


async def _exported(
    connection: Connection, there: Watched, client: ClientSession, course: Course, at: datetime, exports: int
) -> bool:
    """A nightly run that asks its vendor so many times, until it is refused. Answers whether it has failed."""
    for _ in range(exports):
        outcome = await there.export(client)
        course.exports += 1
        if outcome.kind is not OutcomeKind.SUCCEEDED:
            break
    if outcome.is_throttled:
        course.refused.append(at)
    await store.record(connection, there.watches.watches[0], [sample_of_run(outcome, MINUTE, at)])
    return outcome.kind is not OutcomeKind.SUCCEEDED


def _happening(vendor: Simulator) -> dict[datetime, Callable[[], None]]:
    """When the vendor begins and ceases to refuse everyone, in its own way."""
    found: dict[datetime, Callable[[], None]] = {}
    for number, (start, end) in enumerate(THROTTLED):
        match vendor:
            case Xledger() if number < 2:
                found[start] = lambda vendor=vendor, end=end: setattr(vendor, "credits_reset_at", end)  # type: ignore[misc]
            case Xledger():
                found[start] = lambda vendor=vendor: setattr(vendor, "burst_limited", True)  # type: ignore[misc]
                found[end] = lambda vendor=vendor: setattr(vendor, "burst_limited", False)  # type: ignore[misc]
            case Dataverse():
                found[start] = lambda vendor=vendor, span=end - start: vendor.throttle(span)  # type: ignore[misc]
            case BusinessCentral():
                found[start] = lambda vendor=vendor: setattr(vendor, "throttled", True)  # type: ignore[misc]
                found[end] = lambda vendor=vendor: setattr(vendor, "throttled", False)  # type: ignore[misc]
            case _:
                pass
    return found


def changes(last: datetime) -> list[tuple[datetime, datetime, Verdict]]:
    """When the vendor began to be unreachable, and to be there again: from, until when, and what is true."""
    edges = sorted([(start, end) for start, end, _ in OUTAGES])
    ends = [start for start, _ in edges[1:]] + [last]
    return [
        *((start, end, Verdict.UNREACHABLE) for start, end in edges),
        *((end, following, Verdict.HEALTHY) for (_, end), following in zip(edges, ends, strict=True)),
    ]


def lateness(course: Course, watch: Watch, start: datetime, end: datetime, truth: Verdict) -> tuple[bool, str] | None:
    """Whether the truth was known within the interval in force; None if it did not last so long, or while passive."""
    before = course.at(start)
    interval = watch.interval if before.failures == 0 else backoff(watch.endpoint, before.failures, watch.interval)
    if is_passive(before, watch, start) or start + interval >= end:
        return None
    known = next(
        (seen for seen, health in course.known if seen >= start and health.verdict is truth),
        datetime.max.replace(tzinfo=UTC),
    )
    took = known - start
    told = f"{truth} of {start:%d %H:%M} known after {_whole(took)}, allowed {_whole(interval)}"
    return took <= interval + SECOND, told


def _whole(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))


async def named_resets(connection: Connection) -> list[tuple[datetime, datetime]]:
    """From when until when the vendor said that it wants no requests."""
    rows = await connection.fetch("select at, resets_at from synkron.samples where resets_at > at order by at")
    return [(row["at"], row["resets_at"]) for row in rows]


def _line(name: str, watch: Watch, course: Course, counted: int, late: list[tuple[bool, str]]) -> str:
    """The vendor's line of the table; the first one has the titles above it."""
    closest = min(after - before for before, after in pairwise(course.probes)) / MINUTE
    share = "not counted" if watch.most_probes is None else f"{counted} of {watch.most_probes}"
    latest = max((text.split("after ")[1] for _, text in late), default="")
    in_time = f"{sum(ok for ok, _ in late)} of {len(late)}"
    titles = "vendor            probes  closest   of its share  exports  refused  verdicts in time  the latest after\n"
    return ("\n" + titles if name == NAMES[0] else "") + (
        f"{name:<16}  {len(course.probes):>6}  {closest:>3.0f} min  {share:>13}  {course.exports:>7}  "
        f"{len(course.refused):>7}  {in_time:>16}  {latest}\n"
    )
