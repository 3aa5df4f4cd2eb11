"""`verify` and `why` on a ledger of a few hours, some of which nobody ticked in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from synkron.scheduler import tick
from synkron.settings import Settings
from tests.cli.conftest import Command, execute
from tests.conftest import Database

FJORD, VIK = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
HOURLY, DISABLED = (f"00000000-0000-4000-9000-0000000000{end}" for end in ("a1", "a2"))
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(database: Database) -> datetime:
    """Fjord's hourly export after six hours in which no scheduler ticked. Answers the moment of the last one.

    It is far from now, so that none comes while a test runs.
    """
    minute = asyncio.run(_fetch(database, "select extract(minute from now() + interval '30 minutes')::integer"))
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Asia/Kathmandu'), ('{VIK}', 'Vik', null)",
        f"insert into organization_integrations values ('{HOURLY}', '{FJORD}', 'xledger', true, '{minute} * * * *'), "
        f"('{DISABLED}', '{VIK}', 'bufdir', false, '0 2 * * *')",
        "insert into synkron.watermark (at) values (now() - interval '6 hours')",
    )
    asyncio.run(_tick(database))
    moment: datetime = asyncio.run(_fetch(database, "select max(scheduled_for) from synkron.runs"))
    return moment


def test_verify_of_a_ledger_in_order(on_database: Command, ledger: datetime) -> None:
    del ledger
    ended = on_database("verify", "--since", "24h")
    assert (ended.code, ended.out) == (0, "")
    assert "Checked 1 integrations, 6 occurrences and 1 ticks" in ended.err
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
    [finding] = answer["findings"]
    assert finding | {"message": None} == {
        "kind": "missed",
        "at": _zulu(ledger - HOUR),
        "message": None,
        "integration_id": HOURLY,
        "org_id": FJORD,
        "organization": "Fjord",
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
    assert "1 rows that can't be fired: `synkron check`" in ended.err


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
        f"finished_at = now(), execute_after = claimed_at where scheduled_for = '{ledger}'",
    )
    assert "started 7 min after it could" in on_database("verify").out
    assert on_database("verify", "--late-after", "10m").code == 0


def test_a_table_of_findings_is_cut_at_50(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(
        database.url,
        "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) "
        f"select '{VIK}', 'xledger', true, '{ledger.minute} * * * *' from generate_series(1, 20)",
        "delete from synkron.watermark",
        "insert into synkron.watermark (at) values (now() - interval '6 hours')",
    )
    asyncio.run(_tick(database))
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
        (["--since", "yesterday"], 2, "neither a span"),
        (["--since", "2026-11-23T00:00"], 2, "has no zone"),
        (["--late-after", "0m"], 2, "is not a span"),
    ],
)
def test_verify_refuses(on_database: Command, options: list[str], code: int, says: str) -> None:
    ended = on_database("verify", *options)
    assert (ended.code, ended.out) == (code, "")
    assert says in " ".join(ended.err.split())


def test_why_of_a_moment_that_was_merged_after_an_outage(on_database: Command, ledger: datetime) -> None:
    moment = ledger - 2 * HOUR
    ended = on_database("why", "--org", FJORD, "--type", "xledger", "--at", _zulu(moment))
    assert (ended.code, ended.err) == (0, "")
    local = moment + timedelta(hours=5, minutes=45)
    day = "" if local.date() == moment.date() else f"{local:%Y-%m-%d} "
    assert ended.out.startswith(
        f"Fjord's xledger of {moment:%Y-%m-%d %H:%M} UTC ({day}{local:%H:%M} in Asia/Kathmandu) was missed: "
        "no scheduler ticked before "
    )
    assert f"it was merged into run {_run_id(ended.out)} (" in ended.out
    assert "), which has not started" in ended.out or "), which waits" in ended.out


def test_why_in_json_names_the_run(on_database: Command, database: Database, ledger: datetime) -> None:
    expected = asyncio.run(_fetch(database, f"select id from synkron.runs where scheduled_for = '{ledger}'"))
    ended = on_database("why", "--integration", HOURLY, "--at", _zulu(ledger), "--json")
    [answer] = ended.answer
    assert ended.code == 0
    assert (answer["organization"], answer["integration_type"], answer["moment"]) == ("Fjord", "xledger", _zulu(ledger))
    assert (answer["decided"]["id"], answer["decided"]["action"], answer["fires"]) == (expected, "run", True)
    assert f"run {expected}" in " ".join(answer["answer"])


def test_why_of_a_run_with_its_attempts_and_its_retry(
    on_database: Command, database: Database, ledger: datetime
) -> None:
    run_id = asyncio.run(_fetch(database, f"select id from synkron.runs where scheduled_for = '{ledger}'"))
    execute(
        database.url,
        "update synkron.runs set state = 'succeeded', attempt = 2, failures = 0, retries = 1, started_at = now(), "
        f"finished_at = now() where id = {run_id}",
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, finished_at, outcome, error) "
        f"values ({run_id}, '{ledger}', 1, 'w', now(), 'final', 'HTTP 500: no disk')",
        "insert into synkron.audit (author, action, subject, before) "
        f"""values ('kari', 'retry', 'run {run_id}', '{{"runs": [{{"run": {run_id}}}]}}'), """
        f"""('kari', 'retry', 'run {run_id + 1}', '{{"runs": [{{"run": {run_id + 1}}}]}}')""",
    )
    ended = on_database("why", "--integration", HOURLY, "--at", _zulu(ledger))
    assert "succeeded at attempt 2, after it was retried by hand (before: HTTP 500: no disk)." in ended.out
    assert ended.out.count(" by kari.") == 1


def test_why_of_a_minute_that_is_not_due(on_database: Command, ledger: datetime) -> None:
    ended = on_database("why", "--integration", HOURLY, "--at", _zulu(ledger + timedelta(minutes=1)))
    assert ended.code == 0
    assert "it was not due." in ended.out or "is not due then" in ended.out
    assert f"At minute {(ledger.minute + 45) % 60} of every hour." in ended.out
    assert f"The last one before is {ledger:%Y-%m-%d %H:%M} UTC" in ended.out


def test_why_of_a_minute_ahead_a_pause_a_trigger_and_a_disabled_row(
    on_database: Command, database: Database, ledger: datetime
) -> None:
    ahead = ledger + 48 * HOUR
    execute(database.url, f"insert into synkron.pauses (reason, author, org_id) values ('closing', 'kari', '{FJORD}')")
    ended = on_database("why", "--integration", HOURLY, "--at", _zulu(ahead))
    assert "lies ahead. Fjord's xledger is due then" in ended.out
    assert 'under the pause that kari began ("closing"; ' in ended.out
    disabled = on_database("why", "--org", VIK, "--type", "bufdir", "--at", _zulu(ledger))
    assert (disabled.code, "its row is disabled as it stands" in disabled.out) == (0, True)


def test_why_of_an_integration_that_was_deleted(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(database.url, "delete from organization_integrations")
    ended = on_database("why", "--org", FJORD, "--type", "xledger", "--at", _zulu(ledger))
    assert (ended.code, ended.out.startswith("Fjord's xledger of ")) == (0, True)
    assert "it was claimed as run" in ended.out


def test_why_of_something_that_steers_the_terminal(on_database: Command, database: Database, ledger: datetime) -> None:
    execute(database.url, "update organizations set name = 'F\x1b[1mjord'")
    ended = on_database("why", "--integration", HOURLY, "--at", _zulu(ledger))
    assert "F\N{REPLACEMENT CHARACTER}[1mjord" in ended.out


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--org", "nobody", "--type", "xledger"], 4, "there is no xledger of organization nobody"),
        (["--integration", "nothing"], 4, "there is no integration nothing"),
        (["--org", FJORD], 2, "either --org and --type, or --integration"),
        (["--integration", HOURLY, "--org", FJORD], 2, "either --org and --type, or --integration"),
        ([], 2, "either --org and --type, or --integration"),
        (["--integration", HOURLY, "--at", "2026-11-23T02:00"], 2, "has no zone"),
    ],
)
def test_why_refuses(on_database: Command, options: list[str], code: int, says: str) -> None:
    ended = on_database("why", *options)
    assert (ended.code, ended.out) == (code, "")
    assert says in " ".join(ended.err.replace("│", " ").split())


async def _tick(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    await tick(connection, Settings(), scheduler="test")
    await connection.close()


async def _fetch(database: Database, statement: str) -> Any:
    connection = await asyncpg.connect(database.url)
    found = await connection.fetchval(statement)
    await connection.close()
    return found


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _run_id(text: str) -> str:
    return text.split("into run ")[1].split()[0]
