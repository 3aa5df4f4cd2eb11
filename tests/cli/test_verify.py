"""`verify` on a ledger of a few hours: what may have gone wrong in them, and how it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from synkron.scheduler.tick import tick
from synkron.settings.load import Settings
from tests.cli.conftest import Command
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.statements import ask, execute, fetch

FJORD, VIK = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
HOURLY, DISABLED = (f"00000000-0000-4000-9000-0000000000{end}" for end in ("a1", "a2"))
HOUR = timedelta(hours=1)


# Every run that is due has started as soon as it could, and went well.
DELIVER = """
    with done as (
        update synkron.runs set state = 'succeeded', attempt = 1, started_at = execute_after,
            claimed_at = scheduled_for - interval '30 seconds', finished_at = execute_after + interval '1 minute'
        where state = 'claimed'
        returning id, scheduled_for, started_at, finished_at
    )
    insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome)
    select id, scheduled_for, 1, 'w', started_at, finished_at, 'succeeded' from done
"""


# Whatever is planted gets past the triggers that refuse it.
PLANT = "set session_replication_role = replica; "


@pytest.fixture
def ledger(database: Database) -> datetime:
    """Fjord's hourly export after six hours in which no scheduler ticked. Answers the moment of the last one.

    It is far from now, so that none comes while a test runs.
    """
    minute = fetch(database.url, "select extract(minute from now() + interval '30 minutes')::integer")[0][0]
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Asia/Kathmandu'), ('{VIK}', 'Vik', null)",
        f"insert into organization_integrations values ('{HOURLY}', '{FJORD}', 'xledger', true, '{minute} * * * *'), "
        f"('{DISABLED}', '{VIK}', 'bufdir', false, '0 2 * * *')",
        "insert into synkron.watermark (at) values (now() - interval '6 hours')",
    )
    ask(database.url, _tick)
    moment: datetime = fetch(database.url, "select max(scheduled_for) from synkron.runs")[0][0]
    return moment


@pytest.fixture
def moments(database: Database) -> list[datetime]:
    """When Fjord's hourly export ran, the last time half an hour ago, and a scheduler ticked only twice an hour."""
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Asia/Kathmandu')",
        f"insert into organization_integrations select '{HOURLY}', '{FJORD}', 'xledger', true, "
        "extract(minute from (now() - interval '30 minutes') at time zone 'Asia/Kathmandu')::integer || ' * * * *'",
        "insert into synkron.watermark (at) select date_trunc('minute', now()) - interval '4 hours'",
    )
    return ask(database.url, _tick_through)


def test_all_went_well(on_database: Command, moments: list[datetime]) -> None:
    ended = on_database("verify")
    assert (ended.code, ended.out) == (0, "")
    assert f"Checked 1 integration, {len(moments)} occurrences and 8 ticks" in ended.err
    assert "0 missed, 0 doubled, 0 late, 0 unexplained" in ended.err


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        pytest.param(
            "delete from synkron.runs where scheduled_for = '{second}'; "
            "delete from synkron.attempts where scheduled_for = '{second}'",
            3,
            ["missed", "nothing was decided", "1 missed, 0 doubled, 0 late, 0 unexplained"],
            id="a decision is gone",
        ),
        pytest.param(
            "delete from synkron.runs where scheduled_for = '{second}'; "
            "delete from synkron.attempts where scheduled_for = '{second}'; "
            "update organization_integrations set cron_schedule = '*/30 * * * *'",
            0,
            ["not provable", "0 missed, 0 doubled, 0 late, 0 unexplained"],
            id="a decision is gone, and the schedule was edited since",
        ),
        pytest.param(
            "delete from synkron.runs where scheduled_for = '{second}'; "
            "delete from synkron.attempts where scheduled_for = '{second}'; "
            "update organization_integrations set integration_type = 'xledger'",
            3,
            ["unexplained", "disabled or edited for a while", "0 missed, 0 doubled, 0 late, 1 unexplained"],
            id="a decision is gone, and the row was written since",
        ),
        pytest.param(
            "delete from synkron.runs where scheduled_for >= '{second}'; "
            "delete from synkron.attempts where scheduled_for >= '{second}'; "
            "insert into synkron.held values ('{integration}', '{second}'::timestamptz - interval '1 microsecond')",
            0,
            ["3 not delivered: 3 held", "0 missed"],
            id="paused from the second on",
        ),
        pytest.param(
            "update synkron.runs set attempt = 2 where scheduled_for = '{second}'; "
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome) "
            "select id, scheduled_for, 2, 'w', now(), 'succeeded' from synkron.runs where scheduled_for = '{second}'",
            3,
            ["doubled", "2 of its attempts succeeded", "1 doubled"],
            id="it succeeded twice",
        ),
        pytest.param(
            "update synkron.runs set started_at = execute_after + interval '7 minutes', "
            "finished_at = execute_after + interval '8 minutes' where scheduled_for = '{second}'",
            3,
            ["late", "started 7 min after it could", "1 late"],
            id="it started late",
        ),
        pytest.param(
            "delete from synkron.ticks where '{second}' > window_start and '{second}' <= window_end; "
            "delete from synkron.runs where scheduled_for = '{second}'; "
            "delete from synkron.attempts where scheduled_for = '{second}'",
            3,
            ["unexplained", "no tick's window covers", "1 missed, 0 doubled, 0 late, 1 unexplained"],
            id="a tick is gone with what it decided",
        ),
        pytest.param(
            "delete from synkron.ticks where '{second}' > window_start and '{second}' <= window_end",
            3,
            ["its tick is not on record", "0 missed, 0 doubled, 0 late, 2 unexplained"],
            id="a tick is gone",
        ),
        pytest.param(
            "update synkron.runs set state = 'failed', error = 'HTTP 500' where scheduled_for = '{second}'; "
            "update synkron.attempts set outcome = 'final' where scheduled_for = '{second}'",
            0,
            ["1 failed after the last attempt", "0 missed"],
            id="it failed",
        ),
        pytest.param(
            "update synkron.runs set source = 'catch_up', action = 'merge', state = 'skipped', attempt = 0, "
            "started_at = null where scheduled_for = '{second}'; "
            "update synkron.runs set source = 'catch_up', state = 'skipped', period_start = '{first}', attempt = 0, "
            "started_at = null where scheduled_for = '{third}'; "
            "update synkron.runs set tick_id = (select max(id) from synkron.ticks) "
            "where scheduled_for in ('{second}', '{third}'); "
            "delete from synkron.attempts where scheduled_for in ('{second}', '{third}')",
            0,
            [
                "2 not delivered: 1 skipped, 1 merged; `synkron backfill` runs what is past",
                "1 stretch of time that no run covers, 2.0 h in all",
                "0 missed, 0 doubled, 0 late, 0 unexplained",
            ],
            id="it was merged into a run that was skipped",
        ),
    ],
)
def test_what_went_wrong(
    on_database: Command, database: Database, moments: list[datetime], wrong: str, code: int, says: list[str]
) -> None:
    first, second, third, _ = moments
    planted = wrong.format(first=first, second=second, third=third, integration=HOURLY)
    execute(database.superuser_url, PLANT + planted)
    ended = on_database("verify")
    assert ended.code == code
    assert [text for text in says if text not in ended.out + ended.err] == []
    assert (ended.out == "") == (code == 0)


def test_verify_of_a_ledger_in_order(on_database: Command, ledger: datetime) -> None:
    del ledger
    ended = on_database("verify", "--since", "24h")
    assert (ended.code, ended.out) == (0, "")
    assert "Checked 1 integration, 6 occurrences and 1 tick" in ended.err
    assert "0 missed, 0 doubled, 0 late, 0 unexplained" in ended.err


def test_verify_shows_each_finding_and_ends_with_3(on_database: Command, database: Database, ledger: datetime) -> None:
    moments = [ledger - HOUR, ledger - 2 * HOUR]
    execute(database.url, *(f"delete from synkron.runs where scheduled_for = '{moment}'" for moment in moments))
    ended = on_database("verify")
    assert ended.code == 3
    _, *lines = ended.out.splitlines()
    assert [line.split()[:6] for line in lines] == [
        ["missed", f"{moment:%Y-%m-%d}", f"{moment:%H:%M}", "Fjord", "xledger", HOURLY] for moment in moments[::-1]
    ]
    assert "2 missed, 0 doubled" in ended.err


def test_verify_in_json(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(database.url, f"delete from synkron.runs where scheduled_for = '{ledger - HOUR}'")
    ended = on_database("verify", "--since", "24h", "--json")
    assert ended.code == 3
    answer = ended.answer
    assert (answer["missed"], answer["doubled"], answer["late"], answer["unexplained"]) == (1, 0, 0, 0)
    assert (answer["integrations"], answer["occurrences"], answer["ticks"], answer["not_provable"]) == (1, 6, 1, 0)
    assert answer["not_delivered"] == dict.fromkeys(
        ("skipped", "superseded", "cancelled", "expired", "merged", "held"), 0
    )
    assert answer["not_covered"] == {"stretches": 0, "hours": 0}
    [finding] = answer["findings"]
    assert finding | {"message": None} == {
        "kind": "missed",
        "at": _zulu(ledger - HOUR),
        "message": None,
        "integration_id": HOURLY,
        "org_id": FJORD,
        "org_name": "Fjord",
        "integration_type": "xledger",
        "run_id": None,
    }


def test_verify_says_what_it_can_not_prove(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(
        database.url,
        "insert into organization_integrations values "
        f"(gen_random_uuid(), '{VIK}', 'xledger', true, '{ledger.minute} * * * *'), "
        f"(gen_random_uuid(), '{VIK}', 'dynamics', true, '99 * * * *')",
    )
    ended = on_database("verify")
    assert ended.code == 0
    assert "6 not provable" in ended.err
    assert "1 row that can't run: `synkron check`" in ended.err


def test_verify_of_a_part(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(database.url, f"delete from synkron.runs where scheduled_for = '{ledger - HOUR}'")
    for options, code in (
        (["--org", FJORD, "--type", "xledger"], 3),
        (["--org", VIK], 0),
        (["--type", "bufdir"], 0),
        (["--since", _zulu(ledger - HOUR)], 0),
        (["--until", _zulu(ledger - HOUR)], 3),
        (["--until", _zulu(ledger - HOUR * 2)], 0),
    ):
        assert on_database("verify", *options).code == code, options


def test_verify_with_another_lateness(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(
        database.url,
        "update synkron.runs set state = 'succeeded', attempt = 1, started_at = claimed_at + interval '7 minutes', "
        f"finished_at = claimed_at + interval '8 minutes', execute_after = claimed_at where scheduled_for = '{ledger}'",
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome) "
        "select id, scheduled_for, 1, 'w', started_at, finished_at, 'succeeded' from synkron.runs where attempt = 1",
    )
    assert "started 7 min after it could" in on_database("verify").out
    assert on_database("verify", "--late-after", "10m").code == 0


def test_a_table_of_findings_is_cut_at_50(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(
        database.url,
        "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
        f"select '{VIK}', 'xledger', true, '{ledger.minute} * * * *' from generate_series(1, 20)",
        "delete from synkron.watermark",
        "delete from synkron.ticks",
        "delete from synkron.runs",
        "insert into synkron.watermark (at) values (now() - interval '6 hours')",
    )
    ask(database.url, _tick)
    execute(database.url, f"delete from synkron.runs where org_id = '{VIK}'")
    ended = on_database("verify")
    assert len(ended.out.splitlines()) == 1 + 50
    assert f"{20 * 6 - 50} more findings than are shown" in ended.err
    assert len(on_database("verify", "--json").answer["findings"]) == 20 * 6


def test_verify_before_anybody_ticked(on_database: Command) -> None:
    ended = on_database("verify")
    assert (ended.code, ended.out) == (0, "")
    assert "Nobody has ticked yet" in ended.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--since", "1h", "--until", "2h"], 6, "before it begins"),
        (["--since", "last week"], 2, "is not a time"),
        (["--late-after", "0m"], 2, "is not a span"),
    ],
)
def test_verify_refuses(on_database: Command, options: list[str], code: int, says: str) -> None:
    ended = on_database("verify", *options)
    assert (ended.code, ended.out) == (code, "")
    assert says in " ".join(ended.err.split())


async def _tick_through(connection: Connection) -> list[datetime]:
    """Ticks as the service would, twice an hour; each run that is due by then has been delivered."""
    start: datetime = await connection.fetchval("select at from synkron.watermark")
    for half_hour in range(1, 9):
        await tick(connection, Settings(), scheduler="test", source="once", at=start + half_hour * HOUR / 2)
        await connection.execute(DELIVER)
    rows = await connection.fetch("select scheduled_for from synkron.runs order by scheduled_for")
    return [row["scheduled_for"] for row in rows]


async def _tick(connection: Connection) -> None:
    await tick(connection, Settings(), scheduler="test")


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 3)])
def test_what_was_not_delivered_is_a_finding_where_that_is_asked(
    on_database: Command, database: Database, moments: list[datetime], options: list[str], code: int
) -> None:
    first, second, third, _ = moments
    execute(
        database.superuser_url,
        PLANT + "update synkron.runs set state = 'skipped', attempt = 0, started_at = null, "
        f"reason = 'superseded: the integration was disabled' where scheduled_for in ('{second}', '{third}'); "
        f"delete from synkron.attempts where scheduled_for in ('{second}', '{third}')",
    )
    ended = on_database("verify", *options)
    assert ended.code == code
    assert "2 not delivered: 2 superseded; `synkron backfill` runs what is past" in ended.err
    assert "1 stretch of time that no run covers, 2.0 h in all" in ended.err
    asked = on_database("verify", "--json", *options)
    assert (asked.code, asked.answer["not_delivered"]["superseded"]) == (code, 2)
    assert asked.answer["not_covered"] == {"stretches": 1, "hours": 2.0}
    kinds = [(one["kind"], one["at"]) for one in asked.answer["findings"]]
    found = [("uncovered", _zulu(first)), ("undelivered", _zulu(second)), ("undelivered", _zulu(third))]
    assert kinds == (found if code else [])
    assert ("2 undelivered, 1 uncovered" in ended.err) == bool(code)
