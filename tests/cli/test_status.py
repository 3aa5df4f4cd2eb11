"""`synkron status`: one screen, and an exit code that a monitor can use."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Command
from tests.cli.past import FJORD, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute

ALIVE = """
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    values (now(), now() - interval '30 seconds', now() + interval '30 seconds', 'service', 'a:7', 0, 0, 0, 0);
    insert into synkron.nodes (name, role, version, started_at, seen_at, skew)
    select name, role, '0.1.0', now() - interval '1 hour', now(), interval '0'
    from (values ('a:7', 'scheduler'), ('b:8', 'worker')) node (name, role);
    insert into synkron.warmth (integration_type, met_at) values ('xledger', now())
"""
OLDER = """
    delete from synkron.ticks;
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    select at, at - interval '30 seconds', at + interval '30 seconds', 'service', 'a:7', 0, 0, 0, 0
    from (select now() - interval '10 minutes' as at) past
"""
INCIDENT = f"""
    insert into synkron.incidents (
        kind, subject, org_id, title, detail, remedy, touches, since, opened_at, seen_at
    )
    values ('invalid_schedule', '7', '{FJORD}', 'A schedule is invalid', '', '', '{{}}', now(), now(), now())
"""
ACKNOWLEDGE = "update synkron.incidents set acknowledged_at = now(), acknowledged_by = 'kari'"
CLAIMED = """
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    values (now(), now() - interval '30 seconds 1 microsecond', now(), 'pg_cron', 'pg_cron', 3, 3, 0, 0)
"""


@pytest.fixture
def past(database: Database) -> Past:
    past = make_past(database.url)
    execute(database.url, ALIVE)
    return past


def test_all_is_well(on_database: Command, past: Past) -> None:
    past.record(1, "succeeded")
    ended = on_database("status")
    assert (ended.code, ended.err) == (0, "")
    first, *lines = ended.out.splitlines()
    assert first.startswith("All is well.  (")
    assert len(lines) < 23
    assert max(map(len, lines)) <= 80
    facts = {line[:12].strip(): line[12:].strip() for line in lines[1:10]}
    assert re.fullmatch(r"\d+ (s|ms) ago, by .*", facts.pop("last tick"))
    assert facts.pop("schedulers").startswith("a:7 since ")
    assert facts.pop("workers").startswith("b:8 since ")
    assert facts == {
        "runs": "0 waiting, 0 running, 0 accepted, 0 on hold",
        "": "0 late, 0 failed with no success since",
        "paused": "0 pauses, 0 integrations on hold",
        "verified": "not yet",
        "incidents": "0 open, 0 acknowledged",
        "next hour": "1 run",
    }
    assert "Fjord" in lines[-1]


@pytest.mark.usefixtures("past")
def test_what_is_paused_is_not_coming(on_database: Command, database: Database) -> None:
    execute(
        database.url,
        "insert into synkron.pauses (integration_type, reason, author) values ('xledger', 'r', 'kari');"
        "insert into synkron.held (integration_id, since, reason) values "
        "('a', now(), 'pause'), ('b', now(), 'type'), ('c', now(), 'type'), ('d', now(), 'organization')",
    )
    lines = on_database("status").out.splitlines()
    assert "next hour   0 runs, 1 more paused" in lines
    assert (
        "paused      1 pause, 1 integration on hold by pauses, and 2 because their type is unknown and 1 because its "
        "organization is missing"
    ) in lines
    answer = on_database("status", "--json").answer
    assert (answer["due_within_the_hour"], answer["paused_within_the_hour"], answer["next"]) == (0, 1, [])
    assert (answer["held"], answer["held_for"]) == (4, {"paused": 1, "unknown_type": 2, "without_organization": 1})


# What is done to a ledger where all is well, how the command ends, and what it says.
@pytest.mark.parametrize(
    ("planted", "code", "said"),
    [
        pytest.param([OLDER], 1, "Nobody ticks: the last tick was 10 minutes ago", id="dead schedulers"),
        pytest.param(["delete from synkron.ticks"], 1, "Nobody has ticked yet", id="none ever"),
        pytest.param([OLDER, CLAIMED], 1, "pg_cron claimed what was planned", id="pg_cron alone"),
        pytest.param(
            ["update synkron.installations set database_oid = 1"], 1, "This ledger is a copy", id="not at home"
        ),
        pytest.param(
            ["update synkron.nodes set seen_at = now() - interval '1 minute' where role = 'worker'"],
            3,
            "No worker is running",
            id="dead workers",
        ),
        pytest.param(
            ["update synkron.nodes set stopped_at = now() where role = 'scheduler'"],
            3,
            "No scheduler is running",
            id="a scheduler that has just stopped",
        ),
        pytest.param(
            ["delete from synkron.warmth"], 3, "There is no target for xledger: such runs are skipped.", id="no target"
        ),
        pytest.param([INCIDENT], 3, "A schedule is invalid", id="an open incident"),
        pytest.param([INCIDENT, ACKNOWLEDGE], 0, "All is well.", id="one that somebody has acknowledged"),
        pytest.param(
            [INCIDENT, "update synkron.incidents set closed_at = now()"], 0, "All is well.", id="one that is over"
        ),
    ],
)
@pytest.mark.usefixtures("past")
def test_what_needs_a_person(
    on_database: Command, database: Database, planted: list[str], code: int, said: str
) -> None:
    execute(database.superuser_url, *planted)
    ended = on_database("status")
    assert (ended.code, said in ended.out) == (code, True), ended.out


def test_a_failed_run_needs_a_person_until_its_integration_succeeds(on_database: Command, past: Past) -> None:
    past.record(3, "failed")
    ended = on_database("status")
    assert ended.code == 3
    assert "synkron runs --state failed" in ended.out
    assert "1 failed with no success since" in ended.out
    past.record(2, "succeeded")
    assert on_database("status").code == 0


def test_a_late_run_needs_a_person(on_database: Command, past: Past) -> None:
    past.record(2, "claimed")
    ended = on_database("status")
    assert ended.code == 3
    assert "1 late" in ended.out
    assert "1 waiting" in ended.out


@pytest.mark.usefixtures("past")
def test_many_needs_fit_the_screen(on_database: Command, database: Database) -> None:
    one = INCIDENT.replace("values ('invalid_schedule', '7'", "select 'invalid_schedule', number::text").replace(
        "now(), now())", "now(), now() from generate_series(1, 300) number"
    )
    execute(database.url, one)
    ended = on_database("status")
    assert ended.code == 3
    assert "300 things need a person:" in ended.out
    assert "and 297 more: `synkron incidents`" in ended.out
    assert len(ended.out.splitlines()) <= 24


@pytest.mark.usefixtures("past")
def test_in_json(on_database: Command, database: Database) -> None:
    execute(database.url, INCIDENT)
    ended = on_database("status", "--json")
    answer = ended.answer
    assert (ended.code, answer["verdict"]) == (3, "needs a person")
    assert answer["needs"] == [
        {
            "what": answer["needs"][0]["what"],
            "command": f"synkron incidents show {answer['incidents'][0]['incident_id']}",
        }
    ]
    assert list(answer) == [
        "at", "verdict", "needs", "last_tick", "nodes", "runs", "pauses", "held", "held_for", "verification",
        "incidents", "due_within_the_hour", "paused_within_the_hour", "next",
    ]  # fmt: skip
    assert answer["runs"] == {"waiting": 0, "running": 0, "accepted": 0, "on_hold": 0, "late": 0, "failing": 0}
    assert answer["next"][0]["org_name"] == "Fjord"


def test_the_database_is_away(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", "postgresql://someone:hush@127.0.0.1:1/app")
    ended = synkron("status")
    assert (ended.code, ended.out) == (1, "")
    assert "hush" not in ended.err


def test_to_watch_it_takes_a_terminal(synkron: Command) -> None:
    ended = synkron("status", "--watch")
    assert ended.code == 2
    assert "needs a terminal" in ended.err
