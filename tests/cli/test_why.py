"""`why` after real ticks and real deliveries: Fjord's xledger, three hours ago."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from synkron.model import Outcome
from synkron.scheduler.tick import tick
from synkron.settings.load import IntegrationsTable, Settings, SourceTables, TypeSettings
from synkron.settings.policy import CatchUp
from tests.cli.conftest import Command, Ended
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import nothing_queued, watching
from tests.support.statements import ask, execute, fetch
from tests.support.turns import start
from tests.support.working import BROKEN, Recorder, working

FJORD, VIK = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
XLEDGER = "00000000-0000-4000-9000-0000000000a1"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HEAD_START = timedelta(seconds=30)
KATHMANDU = timedelta(hours=5, minutes=45)
KARI = ("--author", "kari", "--yes")


def policy(**values: object) -> Settings:
    return Settings(types={"xledger": TypeSettings(backoff=timedelta(milliseconds=1), **values)})


@dataclass(frozen=True)
class World:
    """A database in which Fjord's xledger fires at ``moment``, and the command line."""

    database: Database
    command: Command
    forget_output: Callable[[], object]
    moment: datetime

    def synkron(self, *arguments: str) -> Ended:
        """Run a command; what the worker logged before is none of its output."""
        self.forget_output()
        return self.command(*arguments)

    def sql(self, *statements: str) -> None:
        execute(self.database.url, *statements)

    def add(self, schedule: str, *, enabled: bool = True, row: str = f"'{XLEDGER}'") -> None:
        self.sql(f"insert into organization_integrations values ({row}, '{FJORD}', 'xledger', {enabled}, '{schedule}')")

    @property
    def daily(self) -> str:
        """The schedule that fires at the moment, as Fjord's clocks show it, once a day."""
        local = self.moment + KATHMANDU
        return f"{local.minute} {local.hour} * * *"

    @property
    def hourly(self) -> str:
        return f"{(self.moment + KATHMANDU).minute} * * * *"

    def watched_until(self, before: timedelta) -> None:
        """Everything up to so long before the moment is decided."""
        self.sql(f"insert into synkron.watermark (at) values ('{self.moment - before}')")

    def tick(self, after: timedelta = -HEAD_START, settings: Settings | None = None) -> None:
        """A tick so long after the moment: half a minute ahead of it, unless told otherwise."""

        at = self.moment + after
        ask(self.database.url, lambda connection: tick(connection, settings or policy(), scheduler="test", at=at))

    def deliver(self, *answers: Outcome) -> None:
        """A worker does all there is to do."""

        async def run() -> None:
            async with (
                asyncpg.create_pool(self.database.url) as pool,
                watching(self.database) as until,
                working(pool, Recorder(*answers), policy()),
            ):
                await until(nothing_queued)

        asyncio.run(run())

    def run_id(self) -> int:
        """The number of the newest run."""

        found: int = fetch(self.database.url, "select max(id) from synkron.runs where action = 'run'")[0][0]
        return found

    def why(self, after: timedelta = timedelta()) -> str:
        ended = self.synkron("why", "--org", FJORD, "--type", "xledger", "--at", zulu(self.moment + after))
        assert (ended.code, ended.err) == (0, "")
        return ended.out


@pytest.fixture
def world(on_database: Command, database: Database, capsys: pytest.CaptureFixture[str]) -> World:
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Asia/Kathmandu'), ('{VIK}', 'Vik', null)",
    )
    now = datetime.now(UTC).replace(second=0, microsecond=0)  # noqa: TID251 (the tests' own clock)
    return World(database, on_database, capsys.readouterr, now - 3 * HOUR)


def ran_late(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick()
    world.deliver()


def failed(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick()
    world.deliver(BROKEN, BROKEN, BROKEN)


def retried(world: World) -> None:
    failed(world)
    assert world.synkron("runs", "retry", str(world.run_id()), *KARI).code == 0
    world.deliver()


def lost_its_workers(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick()
    run_id = world.run_id()

    async def start_thrice(connection: Connection) -> None:
        for job_id in (-1, -2, -3):
            assert await start(connection, run_id, "killed", job_id)

    ask(world.database.url, start_thrice)
    world.deliver()


def outage(world: World, **values: object) -> None:
    """The scheduler stands still from an hour and a half before the moment until two hours and ten minutes after."""
    world.add(world.hourly)
    world.watched_until(2 * HOUR)
    world.tick(-90 * MINUTE)
    world.tick(130 * MINUTE, policy(**values))


def merged(world: World) -> None:
    outage(world)
    world.deliver()


def caught_up_all(world: World) -> None:
    outage(world, catch_up=CatchUp.ALL)


def caught_up_none(world: World) -> None:
    outage(world, catch_up=CatchUp.SKIP)


def expired(world: World) -> None:
    outage(world, catch_up_window=HOUR)


def expired_in_summary(world: World) -> None:
    world.add("* * * * *")
    world.watched_until(20 * HOUR)
    world.tick(130 * MINUTE, policy(catch_up_window=HOUR))


def edited_during_the_outage(world: World) -> None:
    world.sql("alter table organization_integrations add column changed_at timestamptz")
    world.sql(
        f"insert into organization_integrations values "
        f"('{XLEDGER}', '{FJORD}', 'xledger', true, '{world.hourly}', '{world.moment + 20 * MINUTE}')"
    )
    world.watched_until(2 * HOUR)
    world.tick(-90 * MINUTE)
    source = SourceTables(integrations=IntegrationsTable(updated_at="changed_at"))
    world.tick(130 * MINUTE, policy().model_copy(update={"source": source}))


def overlapped(world: World) -> None:
    """The run before is at its target when this one's turn comes."""
    world.add(world.hourly)
    world.sql(f"insert into synkron.overrides (integration_id, overlap) values ('{XLEDGER}', 'skip')")
    world.watched_until(2 * HOUR)
    world.tick(-HOUR - HEAD_START)

    async def run() -> None:
        go_on = asyncio.Event()
        target = Recorder(wait=go_on)
        async with (
            asyncpg.create_pool(world.database.url) as pool,
            watching(world.database) as until,
            working(pool, target, policy()),
        ):
            await target.called.wait()
            async with pool.acquire() as connection:
                await tick(connection, policy(), scheduler="test", at=world.moment - HEAD_START)

            async def is_skipped(connection: asyncpg.Connection[asyncpg.Record]) -> bool:
                return bool(
                    await connection.fetchval("select exists (select from synkron.runs where state = 'skipped')")
                )

            await until(is_skipped)
            go_on.set()
            await until(nothing_queued)

    asyncio.run(run())


def superseded(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick()
    world.sql("update organization_integrations set is_enabled = false")
    world.deliver()


def held(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.sql(
        "insert into synkron.pauses (reason, author, org_id, starts_at) "
        f"values ('closing of the month', 'kari', '{FJORD}', '{world.moment - HOUR}')"
    )
    world.tick()


def paused_and_caught_up(world: World) -> None:
    held(world)
    world.sql(f"update synkron.pauses set ended_at = '{world.moment + HOUR}', ended_by = 'ola'")
    world.tick(HOUR + MINUTE)
    world.deliver()


def cancelled(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick()
    ended = world.synkron("runs", "cancel", str(world.run_id()), "--reason", "wrong file", *KARI)
    assert ended.code == 0


def backfilled(world: World) -> None:
    caught_up_none(world)
    moment = (zulu(world.moment), zulu(world.moment + MINUTE))
    ended = world.synkron("backfill", "--integration", XLEDGER, "--from", moment[0], "--to", moment[1], *KARI)
    assert ended.code == 0
    world.deliver()


def disabled(world: World) -> None:
    world.add(world.daily, enabled=False)
    world.watched_until(2 * HOUR)
    world.tick()


def added_since(world: World) -> None:
    world.watched_until(2 * HOUR)
    world.tick()
    world.add(world.daily)


def unreadable_for_a_while(world: World) -> None:
    """The run after it begins where the one before it ended."""
    world.watched_until(2 * HOUR)
    world.add(world.hourly)
    world.tick(-HOUR - HEAD_START)
    world.sql("update organization_integrations set cron_schedule = '99 * * * *'")
    world.tick()
    world.sql(f"update organization_integrations set cron_schedule = '{world.hourly}'")
    world.tick(HOUR - HEAD_START)
    world.deliver()


def nobody_ticks(world: World) -> None:
    world.add(world.daily)
    world.watched_until(2 * HOUR)
    world.tick(-90 * MINUTE)


RAN = r"is run \d+, which started at .* \(3 hours late\) and succeeded on the first attempt\."
MISSED = r"was missed: no scheduler ticked between {-90} and {130}\."
BACKFILL = r"`synkron backfill --integration \S+ --from \S+Z --to \S+Z`\."
HELD = r'by kari \("closing of the month", from {-60} '


@pytest.mark.own_database
@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (ran_late, [RAN, "row is enabled. Its schedule"]),
        (failed, [r"failed after 3 attempts; the last error: the target answered 503\.", r"`synkron runs retry \d+`"]),
        (retried, [r"succeeded on attempt 4, after it was retried by hand", r"retry of run \d+ by kari\."]),
        (lost_its_workers, [r"and was given up: it lost its worker 3 times\.", r"`synkron runs retry \d+`"]),
        (merged, [MISSED, r"it was merged into run \d+ \({120}\), which .* succeeded on the first attempt\."]),
        (caught_up_all, [MISSED, r"it was claimed as run \d+ \(catch-up is all\), which "]),
        (caught_up_none, [MISSED, "it was skipped: no scheduler ticked in time, and catch-up is skip", BACKFILL]),
        (
            expired,
            [MISSED, "it expired: missed longer ago than the catch-up window of 1h", BACKFILL],
        ),
        (
            expired_in_summary,
            [r"no scheduler ticked before {130}\.", r"expired together with 12\d\d others", BACKFILL],
        ),
        (edited_during_the_outage, [MISSED, "it was skipped: the row was edited at ", BACKFILL]),
        (overlapped, [r"was not delivered: overlap: the run of \S+ has not finished, and overlap is skip\.", BACKFILL]),
        (superseded, [r"was not delivered: superseded: the integration was disabled\.", "row is disabled"]),
        (
            held,
            [
                f"is on hold: paused {HELD}until",
                "row is enabled, and still paused",
                r"`synkron resume --number \d+` ends",
            ],
        ),
        (paused_and_caught_up, [f"was on hold: paused {HELD}to {{60}}", r"claimed as run \d+, which started"]),
        (cancelled, [r"was not delivered: cancelled by kari: wrong file\.", r"cancel of run \d+ by kari\.", BACKFILL]),
        (backfilled, ["it was skipped: ", r"Run \d+ was backfilled by kari; it started at .* succeeded"]),
        (
            disabled,
            ["the ledger has no record of it", "row is disabled. .*; it includes this minute", "runs again when"],
        ),
        (added_since, ["was never decided, although the current schedule includes it", "`synkron verify`", BACKFILL]),
        (
            unreadable_for_a_while,
            [
                r"was not decided: its row could not run then",
                r"in the period of run \d+ \({60}\), which started at .* succ",
            ],
        ),
        (nobody_ticks, [r"is undecided: no scheduler has ticked since {-90}\.", r"The next tick decides it\."]),
    ],
)
def test_why(world: World, happens: Callable[[World], None], says: list[str]) -> None:
    happens(world)
    told = world.why()
    local = world.moment + KATHMANDU
    day = "" if local.date() == world.moment.date() else f"{local:%Y-%m-%d} "
    assert f"{world.moment:%Y-%m-%d %H:%M} UTC ({day}{local:%H:%M} in Asia/Kathmandu)" in told.splitlines()[0]
    patterns = [re.sub(r"{(-?\d+)}", lambda minutes: clock(world, int(minutes[1])), one) for one in says]
    assert re.search(".*".join(patterns), told, re.DOTALL), f"{told}\n{patterns}"


def test_on_time(world: World) -> None:
    world = replace(world, moment=world.moment + 3 * HOUR)
    ran_late(world)
    assert re.search(r"\(\d+ \w+ after its scheduled time\) and succeeded on the first attempt\.", world.why())


def test_a_minute_that_only_lies_in_the_period_of_what_expired(world: World) -> None:
    world.add("*/2 * * * *")
    world.watched_until(40 * HOUR)
    world.tick(130 * MINUTE, policy(catch_up_window=HOUR))
    even = world.moment + KATHMANDU
    fires, rests = (timedelta(), MINUTE) if even.minute % 2 == 0 else (MINUTE, timedelta())
    assert "expired together with" in world.why(fires)
    assert "it was not due." in world.why(rests)


def test_what_else_is_said_of_a_run(world: World) -> None:
    """Of the minutes beside it, in JSON, after one by hand, and when its row is gone."""
    ran_late(world)
    _says_that_a_minute_is_not_due(world)
    _says_what_a_minute_ahead_will_bring(world)
    _says_in_json_the_sentences_and_the_facts(world)
    _says_who_triggered_a_run(world)
    _says_that_the_row_was_deleted(world)


def _says_that_a_minute_is_not_due(world: World) -> None:
    told = world.why(7 * MINUTE)
    assert "it was not due." in told
    assert f"The previous occurrence is {world.moment:%Y-%m-%d %H:%M} UTC" in told
    assert f"the next one is {world.moment + 24 * HOUR:%Y-%m-%d %H:%M} UTC" in told


def _says_what_a_minute_ahead_will_bring(world: World) -> None:
    told = world.why(24 * HOUR)
    assert "is in the future. Fjord's xledger is due then, and the tick at " in told


def _says_in_json_the_sentences_and_the_facts(world: World) -> None:
    ended = world.synkron("why", "--integration", XLEDGER, "--at", zulu(world.moment), "--json")
    [told] = ended.answer
    assert told["answer"] == world.why().splitlines()
    assert (told["org_name"], told["moment"], told["fires"]) == ("Fjord", zulu(world.moment), True)
    assert (told["decided"]["run_id"], told["decided"]["state"]) == (world.run_id(), "succeeded")


def _says_who_triggered_a_run(world: World) -> None:
    assert world.synkron("trigger", "--integration", XLEDGER, *KARI).code == 0
    runs = world.synkron("runs", "--json").answer
    [asked] = [datetime.fromisoformat(run["scheduled_for"]) for run in runs if run["source"] == "manual"]
    told = world.why(asked - world.moment)
    assert re.search(r"Fjord's xledger, .*: run \d+ was triggered by kari at .* UTC; it ", told)


def _says_that_the_row_was_deleted(world: World) -> None:
    world.sql("delete from organization_integrations")
    told = world.why()
    assert re.search(RAN, told)
    assert "The row is no longer in the table." in told


def test_each_of_several_is_answered_for(world: World) -> None:
    another = XLEDGER.replace("a1", "a2")
    world.add(world.daily, row=f"'{another}'", enabled=False)
    ran_late(world)
    first, second = world.why().split("\n\n")
    assert first.startswith(f"integration {XLEDGER}\nFjord's xledger at ")
    assert second.startswith(f"integration {another}\nFjord's xledger did not run at ")


def test_a_name_that_steers_the_terminal(world: World) -> None:
    world.sql("update organizations set name = 'F\x1b[1mjord'")
    world.add(world.daily)
    assert r"F\x1b[1mjord" in world.why()


REFUSED: list[tuple[list[str], int, str]] = [
    (["--org", "nobody", "--type", "xledger"], 4, 'There is no organization "nobody"'),
    (["--org", FJORD, "--type", "bufdir"], 4, f"Organization {FJORD} has no bufdir. It has xledger."),
    (["--integration", "nothing"], 4, 'There is no integration "nothing"'),
    (["--integration", XLEDGER, "--type", "xledger"], 2, "--org, --type or both, or --integration"),
    ([], 2, "--org, --type or both, or --integration"),
    (["--type", "bufdir"], 4, "No organization has bufdir. If one had it, name it with --org."),
    (["--integration", XLEDGER, "--at", "2h before"], 2, "is not a time"),
]


def test_refusals(world: World) -> None:
    world.add(world.daily)
    for options, code, says in REFUSED:
        ended = world.synkron("why", *options)
        assert (ended.code, ended.out) == (code, ""), options
        assert says in " ".join(ended.err.replace("│", " ").split()), options


def clock(world: World, minutes: int) -> str:
    """A time so many minutes after the moment, as the sentences have it."""
    time = world.moment + minutes * MINUTE
    day = "" if time.date() == world.moment.date() else f"{time:%Y-%m-%d} "
    return f"{day}{time:%H:%M}"


def zulu(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def test_an_organization_or_a_type_alone_names_the_only_one_or_says_which_there_are(world: World) -> None:
    world.add(world.daily)
    whole = world.synkron("why", "--org", FJORD, "--type", "xledger").out
    assert world.synkron("why", "--org", FJORD).out == world.synkron("why", "--type", "xledger").out == whole
    execute(
        world.database.url,
        f"insert into organization_integrations (org_id, integration_type) values ('{FJORD}', 'bufdir'), "
        f"('{FJORD}', 'bufdir')",
        "insert into organizations (id, name) values ('00000000-0000-4000-8000-0000000000aa', 'Vik')",
        "insert into organization_integrations (org_id, integration_type) "
        "values ('00000000-0000-4000-8000-0000000000aa', 'xledger')",
    )
    ended = world.synkron("why", "--org", FJORD)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-3:] == [
        f"error: Organization {FJORD} has several types. Name one with --type:",
        "  bufdir",
        "  xledger",
    ]
    ended = world.synkron("why", "--type", "xledger")
    assert (ended.code, ended.out) == (2, "")
    assert "Several organizations have xledger. Name one with --org:" in ended.err
    assert "  00000000-0000-4000-8000-0000000000aa (Vik)" in ended.err
    execute(world.database.url, "delete from organization_integrations")
    ended = world.synkron("why", "--org", FJORD)
    assert (ended.code, f"Organization {FJORD} has no integrations, and the ledger has no record" in ended.err) == (
        4,
        True,
    )


def test_an_organization_alone_names_the_only_type_that_its_deleted_rows_had(world: World) -> None:
    caught_up_none(world)
    world.sql("delete from organization_integrations")
    at = ("--at", zulu(world.moment))
    both = world.synkron("why", "--org", FJORD, "--type", "xledger", *at)
    alone = world.synkron("why", "--org", FJORD, *at)
    assert (alone.code, alone.out) == (0, both.out)
