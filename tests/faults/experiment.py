"""One experiment: a seed's plan carried out on real processes, everything restored, and the evidence judged."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults import evidence
from tests.faults.clock import Clock, host_time
from tests.faults.fleet import TYPES, ZONE, Fleet, pause, write_settings
from tests.faults.oracle import Findings, judge
from tests.faults.processes import Member, Site, kept
from tests.faults.receiver import Answer, Receiver, receiving
from tests.faults.sequence import DECLARED, SCHEDULERS, STEPS, WORKERS, Fault, Kind, Row, plan
from tests.faults.server import AWAY, PRLIMIT, Server, running_server
from tests.faults.zone import write_zone
from tests.support.silent_relay import SilentRelay, silent_relay

ORIGIN = datetime(2025, 3, 29, 22, 0, tzinfo=UTC)
MISBEHAVIOUR = {
    Kind.TARGET_HANGS: (Answer.HANGS, 0.4),
    Kind.TARGET_FAILS: (Answer.FAILS, 0.6),
    Kind.TARGET_BUSY_SECONDS: (Answer.BUSY_SECONDS, 0.6),
    Kind.TARGET_BUSY_DATE: (Answer.BUSY_DATE, 0.6),
    Kind.TARGET_CUTS: (Answer.CUTS, 0.6),
    Kind.TARGET_ODD: (Answer.ODD, 0.6),
}
# Seconds of the host's, for the slowest machine: what is waited for comes sooner.
PATIENCE = 300.0
# Seconds of the calendar's, in which a row that fires every minute has been claimed ahead.
CLAIMED_WITHIN = 240
# Between two floods of forged notifications, and two looks at whether runs were claimed. Seconds of the host's.
AGAIN = 0.1
LOOK = 0.02

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How large an experiment is. ``seconds`` are the host's, from the first tick to the last fault."""

    seconds: float
    rows: int
    faults: int
    kinds: Sequence[Kind] = tuple(Kind)
    speed: float = 20.0


@dataclass
class Result:
    """What came of a seed."""

    seed: int
    size: Size
    findings: Findings
    faults: list[str] = field(default_factory=list)
    by_kind: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    own_ends: int = 0
    exit_codes: list[int] = field(default_factory=list)
    calendar: timedelta = timedelta()
    seconds: float = 0.0

    @property
    def violations(self) -> dict[str, list[str]]:
        """Everything that must not be."""
        found = {name: sentences for name, sentences in self.findings.violations.items() if sentences}
        if any(self.exit_codes):
            found["ended badly"] = [f"exit codes at the end: {self.exit_codes}"]
        return found


async def experiment(seed: int, size: Size, folder: Path, tell: Tell) -> Result:
    """Carry the seed's plan out in ``folder`` and judge what happened. ``tell`` gets a line for each fault."""
    began = host_time()
    kinds = [kind for kind in size.kinds if kind is not Kind.DISK_FULL or PRLIMIT]
    planned = plan(seed, rows=size.rows, faults=size.faults, types=list(TYPES), kinds=kinds)
    async with running_server() as server, receiving() as receiver, silent_relay(server.url) as relay:
        stage = await _prepared(server, relay, receiver, folder, size.speed, tell)
        await stage.fleet.settle(planned.rows)
        async with kept(stage.site, (*SCHEDULERS, *WORKERS)) as members:
            stage.members = members
            first = await stage.until_decided(ORIGIN)
            await stage.carry_out(planned.faults, size.seconds)
            last = max(await stage.until_decided(stage.clock.shown(host_time())), stage.clock.shown(host_time()))
            tell(f"{stage.now()}  restored; waiting for the runs of up to {last:%H:%M:%S} to end")
            await stage.until_ended(last)
            exit_codes = list(await asyncio.gather(*(member.leave() for member in members.values())))
        async with server.connected() as connection:
            found = await evidence.gather(connection, stage.fleet.edits, receiver.deliveries, first, last)
    return Result(
        seed,
        size,
        judge(found),
        [f"{fault.at:.3f} {fault}" for fault in planned.faults],
        Counter(fault.kind.value for fault in planned.faults),
        [] if PRLIMIT else ["disk full: needs the program prlimit (Linux)"],
        sum(member.own_ends for member in members.values()),
        exit_codes,
        last - first,
        (host_time() - began).total_seconds(),
    )


async def _prepared(
    server: Server, relay: SilentRelay, receiver: Receiver, folder: Path, speed: float, tell: Tell
) -> Stage:
    """A migrated database with its fast clock, and the settings of those who are to work on it."""
    clock = Clock(speed, ORIGIN)
    async with server.connected() as connection:
        await clock.install(connection, "synkron", "synkron")
    site = Site(folder, relay.url, speed)
    write_settings(folder / "synkron.toml", receiver.url)
    for name in DECLARED:
        write_settings(folder / f"without-{name}.toml", receiver.url, without=name)
    write_zone(folder / "zones" / ZONE)
    await site.complete("migrate", "--with-source-tables", "--with-index")
    return Stage(server, relay, receiver, clock, site, Fleet(server), tell)


@dataclass
class Stage:
    """What an experiment works with."""

    server: Server
    relay: SilentRelay
    receiver: Receiver
    clock: Clock
    site: Site
    fleet: Fleet
    tell: Tell
    members: dict[str, Member] = field(default_factory=dict)
    _database: asyncio.Lock = field(default_factory=asyncio.Lock)

    def now(self) -> str:
        """The calendar's time, for people."""
        return f"{self.clock.shown(host_time()):%d %H:%M:%S}"

    async def carry_out(self, faults: Sequence[Fault], seconds: float) -> None:
        """Each fault at its place, whether or not the one before has passed; returns when all have."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, fault in enumerate(faults, start=1):
                await pause(began + fault.at * seconds - loop.time())
                self.tell(f"{self.now()}  {number:3}  {fault}")
                group.create_task(self._befall(fault))
            await pause(began + seconds - loop.time())

    async def until_decided(self, moment: datetime) -> datetime:
        """Wait until the ticks have decided up to there; up to where they have."""
        decided = await self._until(
            "select max(window_end) from synkron.ticks", lambda found: isinstance(found, datetime) and found >= moment
        )
        assert isinstance(decided, datetime)
        return decided

    async def until_ended(self, last: datetime) -> None:
        """Wait until every run of up to ``last`` has ended, and nothing is held any more.

        What has not in time is a finding, not an error here.
        """
        statement = (
            "select (select count(*) from synkron.held) + (select count(*) from synkron.runs "
            f"where state in ('claimed', 'running') and scheduled_for <= '{last.isoformat()}')"
        )
        try:
            await self._until(statement, lambda unended: unended == 0)
        except TimeoutError:
            self.tell(f"{self.now()}  some runs have not ended after {PATIENCE:.0f} s")

    async def _until(self, statement: str, enough: Callable[[object], bool], look: float = 0.2) -> object:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with self.server.connected() as connection:
                        found: object
                        while not enough(found := await connection.fetchval(statement)):
                            await pause(look)
                        return found
                except AWAY:
                    self.tell(f"{self.now()}  the database is away")
                await pause(look)

    async def _befall(self, fault: Fault) -> None:
        """Do it, wait for as long as it lasts, and undo it."""
        real = self.clock.real(fault.seconds)
        if fault.victims:
            victims = [self.members[name] for name in fault.victims]
            await asyncio.gather(*(self._befall_process(fault, victim, real) for victim in victims))
        elif fault.kind in MISBEHAVIOUR:
            with self.receiver.misbehaving(*MISBEHAVIOUR[fault.kind]):
                await pause(real)
        elif fault.row is not None or fault.rows:
            await self._edit(fault, real)
        elif fault.kind is Kind.ID_ALTERED:
            await self.fleet.alter_id()
        elif fault.kind is Kind.FORGED:
            await self._forge(real)
        elif fault.kind is Kind.CONNECTIONS_SILENT:
            self.relay.silence()
        else:
            async with self._database:
                await self._befall_database(fault.kind, real)

    async def _befall_process(self, fault: Fault, member: Member, seconds: float) -> None:
        kind = fault.kind
        async with member.lock:
            if kind in (Kind.SCHEDULER_STOPPED, Kind.WORKER_STOPPED):
                await member.stop(seconds)
            elif kind is Kind.TYPE_UNKNOWN:
                await member.differ(seconds, "--config", f"without-{fault.type}.toml")
            elif kind is Kind.OTHER_TZDATA:
                await member.differ(seconds, PYTHONTZPATH=str(self.site.folder / "zones"))
            elif kind in (Kind.SCHEDULER_KILLED, Kind.WORKER_KILLED):
                await member.end(signal.SIGKILL, seconds)
            else:
                await member.end(signal.SIGTERM, seconds)

    async def _befall_database(self, kind: Kind, seconds: float) -> None:
        """One at a time."""
        if kind in (Kind.DATABASE_RESTARTED, Kind.DATABASE_CRASHED):
            await self.server.stop("fast" if kind is Kind.DATABASE_RESTARTED else "immediate")
            await pause(seconds)
            await self.server.start()
        elif kind is Kind.CONNECTIONS_DROPPED:
            await self.server.drop_connections()
        elif kind is Kind.DISK_FULL:
            async with self._full_disk():
                await pause(seconds)
        elif kind is Kind.ROLE_TIMEOUTS:
            await self.server.limit_times()
            await pause(seconds)
            await self.server.free_times()
        else:
            async with self.server.connected() as connection:
                await self.clock.step(connection, timedelta(minutes=STEPS[kind]))

    @asynccontextmanager
    async def _full_disk(self) -> AsyncIterator[None]:
        try:
            await self.server.fill_disk()
            yield
        finally:
            await self.server.free_disk()

    async def _forge(self, seconds: float) -> None:
        """Again and again for so long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            with suppress(*AWAY):
                await self.server.forge()
            await pause(AGAIN)

    async def _until_claimed(self, *rows: Row) -> None:
        """Wait until each of the rows has a run whose moment lies ahead: the half-minute before it.

        Three hundred rows that fire every minute may keep a slow machine from claiming ahead, so not for long.
        """
        statement = (
            "select count(distinct integration_id) from synkron.runs where state = 'claimed' and attempt = 0 "
            f"and scheduled_for > now() and integration_id = any(array[{', '.join(repr(row.id) for row in rows)}])"
        )
        with suppress(TimeoutError):  # it is edited anyway
            async with asyncio.timeout(self.clock.real(CLAIMED_WITHIN)):
                await self._until(statement, lambda claimed: claimed == len(rows), LOOK)

    async def _edit(self, fault: Fault, seconds: float) -> None:
        if fault.kind is Kind.MANY_DELETED:
            await self.fleet.add(*fault.rows)
            await self._until_claimed(*fault.rows)
            await self.fleet.delete(*fault.rows)
            return
        assert fault.row is not None
        match fault.kind:
            case Kind.ADDED:
                await self.fleet.add(fault.row)
            case Kind.MOVED:
                await self._until_claimed(fault.row)
                await self.fleet.move(fault.row)
            case Kind.SCHEDULE_CHANGED:
                await self.fleet.change_schedule(fault.row)
            case Kind.DELETED:
                await self.fleet.delete(fault.row)
            case _:
                await self.fleet.switch(fault.row, on=False)
                await pause(seconds)
                await self.fleet.switch(fault.row, on=True)
