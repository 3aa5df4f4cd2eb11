"""One experiment: a seed's plan carried out on real processes, everything restored, and the evidence judged."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults import evidence
from tests.faults.clock import Clock, host_time
from tests.faults.fleet import TYPES, Fleet, pause, write_settings
from tests.faults.oracle import Findings, judge
from tests.faults.processes import Member, Site, kept
from tests.faults.receiver import Answer, Receiver, receiving
from tests.faults.sequence import SCHEDULERS, STEPS, WORKERS, Fault, Kind, plan
from tests.faults.server import AWAY, PRLIMIT, Server, running_server

ORIGIN = datetime(2025, 3, 29, 22, 0, tzinfo=UTC)
MISBEHAVIOUR = {
    Kind.TARGET_HANGS: (Answer.HANGS, 0.4),
    Kind.TARGET_FAILS: (Answer.FAILS, 0.6),
    Kind.TARGET_BUSY_SECONDS: (Answer.BUSY_SECONDS, 0.6),
    Kind.TARGET_BUSY_DATE: (Answer.BUSY_DATE, 0.6),
    Kind.TARGET_CUTS: (Answer.CUTS, 0.6),
}
# Seconds of the host's, for the slowest machine: what is waited for comes sooner.
PATIENCE = 300.0
SETTLING = timedelta(minutes=1)

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
    async with running_server() as server, receiving() as receiver:
        stage = await _prepared(server, receiver, folder, size.speed, tell)
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


async def _prepared(server: Server, receiver: Receiver, folder: Path, speed: float, tell: Tell) -> Stage:
    """A migrated database with its fast clock, and the settings of those who are to work on it."""
    clock = Clock(speed, ORIGIN)
    async with server.connected() as connection:
        await clock.install(connection, "synkron", "synkron")
    site = Site(folder, server.url, speed)
    write_settings(folder / "synkron.toml", receiver.url)
    await site.complete("migrate", "--with-source-tables", "--with-index")
    return Stage(server, receiver, clock, site, Fleet(server), tell)


@dataclass
class Stage:
    """What an experiment works with."""

    server: Server
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
        """Wait until every run of up to ``last`` has ended. What has not in time is a finding, not an error here."""
        statement = (
            "select count(*) from synkron.runs where state in ('claimed', 'running') and scheduled_for <= "
            f"'{last.isoformat()}'"
        )
        try:
            await self._until(statement, lambda unended: unended == 0)
        except TimeoutError:
            self.tell(f"{self.now()}  some runs have not ended after {PATIENCE:.0f} s")

    async def _until(self, statement: str, enough: Callable[[object], bool]) -> object:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with self.server.connected() as connection:
                        found: object = await connection.fetchval(statement)
                    if enough(found):
                        return found
                except AWAY:
                    self.tell(f"{self.now()}  the database is away")
                await pause(0.2)

    async def _befall(self, fault: Fault) -> None:
        """Do it, wait for as long as it lasts, and undo it."""
        real = self.clock.real(fault.seconds)
        if fault.victims:
            victims = [self.members[name] for name in fault.victims]
            await asyncio.gather(*(self._befall_process(fault.kind, victim, real) for victim in victims))
        elif fault.kind in MISBEHAVIOUR:
            with self.receiver.misbehaving(*MISBEHAVIOUR[fault.kind]):
                await pause(real)
        elif fault.row is not None:
            await self._edit(fault, real)
        else:
            async with self._database:
                await self._befall_database(fault.kind, real)

    async def _befall_process(self, kind: Kind, member: Member, seconds: float) -> None:
        async with member.lock:
            if kind in (Kind.SCHEDULER_STOPPED, Kind.WORKER_STOPPED):
                await member.stop(seconds)
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

    async def _edit(self, fault: Fault, seconds: float) -> None:
        assert fault.row is not None
        match fault.kind:
            case Kind.ADDED:
                await self.fleet.add(fault.row)
            case Kind.SCHEDULE_CHANGED:
                await self.fleet.change_schedule(fault.row)
            case Kind.DELETED:
                await self.fleet.delete(fault.row)
            case _:
                await self.fleet.switch(fault.row, on=False)
                await pause(seconds)
                await self.fleet.switch(fault.row, on=True)
