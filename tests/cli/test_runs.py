"""`runs` and `runs show` on a ledger with one run of each kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

FJORD, VIK = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2))
KEYS = [
    "run_id",
    "key",
    "integration_id",
    "org_id",
    "org_name",
    "integration_type",
    "source",
    "scheduled_for",
    "period_start",
    "period_end",
    "execute_after",
    "action",
    "reason",
    "occurrences",
    "cron_schedule",
    "timezone",
    "state",
    "attempt",
    "failures",
    "claimed_at",
    "started_at",
    "finished_at",
    "next_attempt_at",
    "drift_ms",
    "http_status",
    "error",
    "pause_id",
]


@pytest.fixture
def ledger(database: Database) -> None:
    """Two runs a day ago, one of which failed at its second attempt, one skipped, and one claimed a month ago."""
    day = "date_trunc('minute', now()) - interval '1 day'"
    month = "date_trunc('minute', now()) - interval '30 days'"
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord'), ('{VIK}', 'Vik')",
        "select synkron.keep_partitions(now() - interval '40 days', now(), now() - interval '400 days')",
        _run("one", FJORD, "xledger", day, "succeeded", started="82 milliseconds", status=200),
        _run(
            "two",
            VIK,
            "dynamics",
            day,
            "failed",
            attempt=2,
            started="2 seconds",
            status=500,
            error="HTTP 500: no\x1b[m",
        ),
        _run("three", VIK, "bufdir", f"{day} - interval '1 hour'", "skipped", reason="superseded: it was disabled"),
        _run("four", FJORD, "xledger", month, "claimed"),
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
        "http_status, error) select id, scheduled_for, try, 'host:1', started_at, finished_at, "
        "case when try = 1 then 'retryable' else 'final' end, 500, 'HTTP 500' "
        "from synkron.runs, generate_series(1, 2) try where key = 'two'",
    )


FILTERED: list[tuple[list[str], list[str]]] = [
    ([], ["two", "one", "three", "four"]),
    (["--org", FJORD], ["one", "four"]),
    (["--org", "fjord"], ["one", "four"]),
    (["--org", VIK.upper(), "--type", "buf"], ["three"]),
    (["--type", "bufdir"], ["three"]),
    (["--integration", "two"], ["two"]),
    (["--integration", "two", "--type", "dynamics"], ["two"]),
    (["--state", "failed"], ["two"]),
    (["--since", "7d"], ["two", "one", "three"]),
    (["--since", "1450m"], ["two", "one"]),
    (["--since", "1h"], []),
    (["--since", "999999999d"], ["two", "one", "three", "four"]),
    (["--since", "2001-01-01T00:00Z", "--org", VIK], ["two", "three"]),
    (["--limit", "1"], ["two"]),
]


@pytest.mark.usefixtures("ledger")
def test_runs_are_filtered_the_newest_first(on_database: Command) -> None:
    for options, keys in FILTERED:
        ended = on_database("runs", *options, "--json")
        assert ended.code == 0, options
        assert [run["key"] for run in ended.answer] == keys, options
        assert ("Cut after the newest 1" in ended.err) == ("--limit" in options), options


@pytest.mark.usefixtures("ledger")
def test_runs_in_json_have_stable_keys(on_database: Command) -> None:
    _, run, skipped, waiting = on_database("runs", "--json").answer
    assert list(run) == KEYS
    scheduled_for = _instant(run["scheduled_for"])
    assert run["scheduled_for"].endswith(":00Z")
    assert _instant(run["started_at"]) - scheduled_for == timedelta(milliseconds=82)
    assert (run["drift_ms"], run["state"], run["http_status"], run["attempt"]) == (82, "succeeded", 200, 1)
    assert run["period_end"] == run["scheduled_for"]
    assert (skipped["drift_ms"], skipped["started_at"], skipped["reason"]) == (
        None,
        None,
        "superseded: it was disabled",
    )
    assert (waiting["state"], waiting["finished_at"]) == ("claimed", None)


@pytest.mark.usefixtures("ledger")
def test_runs_as_a_table_name_the_organizations(on_database: Command) -> None:
    ended = on_database("runs")
    assert (ended.code, ended.err) == (0, "")
    heading, *rows = (line.split() for line in ended.out.splitlines())
    assert " ".join(heading) == "run scheduled (UTC) organization type state drift try http why"
    assert [" ".join(row[3:]) for row in rows] == [
        r"Vik dynamics failed 2.0 s 2 500 HTTP 500: no\x1b[m",
        "Fjord xledger succeeded 82 ms 1 200",
        "Vik bufdir skipped superseded: it was disabled",
        "Fjord xledger claimed",
    ]


@pytest.mark.own_database
@pytest.mark.usefixtures("ledger")
def test_the_ledger_stands_without_the_applications_tables(on_database: Command, database: Database) -> None:
    execute(database.url, "drop table organization_integrations, organizations")
    ended = on_database("runs")
    assert ended.code == 0
    assert FJORD in ended.out


@pytest.mark.usefixtures("ledger")
def test_one_run_with_its_attempts(on_database: Command) -> None:
    number = next(run["run_id"] for run in on_database("runs", "--json").answer if run["key"] == "two")
    run: dict[str, Any] = on_database("runs", "show", str(number), "--json").answer
    assert list(run) == [*KEYS, "stages_ms", "attempts"]
    assert run["stages_ms"]["spread"] == 0
    assert [(one["attempt"], one["outcome"], one["http_status"]) for one in run["attempts"]] == [
        (1, "retryable", 500),
        (2, "final", 500),
    ]
    ended = on_database("runs", "show", str(number))
    assert (ended.code, ended.err) == (0, "")
    assert f"organization     Vik ({VIK})" in ended.out.splitlines()
    assert ended.out.count("host:1") == 2
    assert "stages           spread 0 ms, tick " in ended.out


@pytest.mark.usefixtures("ledger")
def test_a_run_that_a_pause_holds_says_so(on_database: Command, database: Database) -> None:
    held, *done = (run["run_id"] for run in reversed(on_database("runs", "--json").answer))
    assert "next try" in on_database("runs", "show", str(held)).out
    execute(
        database.url,
        "insert into synkron.pauses (org_id, integration_type, reason, author, starts_at, until) values "
        "(null, 'xledger', 'over', 'kari', now() - interval '2 hours', now() - interval '1 hour'), "
        f"('{VIK}', null, 'of another', 'kari', now(), null), "
        f"('{FJORD}', 'xledger', 'the vendor moves', 'kari', now(), null)",
    )
    shown = on_database("runs", "show", str(held)).out
    assert f"held by          pause 3, type xledger of organization {FJORD} (Fjord)" in shown.splitlines()
    assert "next try" not in shown
    rows = on_database("runs").out.splitlines()[1:]
    assert [row.endswith("held by pause 3") for row in rows] == [False, False, False, True]
    assert [run["pause_id"] for run in on_database("runs", "--json").answer] == [None, None, None, 3]
    assert "held by" not in "".join(on_database("runs", "show", str(run)).out for run in done)


@pytest.mark.usefixtures("ledger")
def test_no_such_run(on_database: Command) -> None:
    for number in ("4711", str(2**63 - 1)):
        ended = on_database("runs", "show", number, "--json")
        assert (ended.code, ended.out) == (4, "")
        assert ended.err.startswith(f"error: there is no run {number}.")


def test_an_empty_ledger(on_database: Command) -> None:
    assert on_database("runs", "--json").answer == []
    ended = on_database("runs")
    assert (ended.code, ended.out) == (0, "")
    assert "no such runs" in ended.err


def _run(
    key: str,
    org_id: str,
    kind: str,
    scheduled_for: str,
    state: str,
    *,
    attempt: int = 1,
    started: str | None = None,
    status: int | None = None,
    reason: str = "on time",
    error: str | None = None,
) -> str:
    begun = f"{scheduled_for} + interval '{started}'" if started else "null::timestamptz"
    ended = "null" if state == "claimed" else "now()"
    return (
        "insert into synkron.runs (key, integration_id, org_id, integration_type, source, scheduled_for, period_start, "
        "period_end, execute_after, next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, "
        "started_at, finished_at, http_status, error) "
        f"select '{key}', '{key}', '{org_id}', '{kind}', 'schedule', at, at - interval '1 day', at, at, at, 'run', "
        f"'{reason}', '* * * * *', 1, '{state}', {attempt if started else 0}, {begun}, {ended}, {status or 'null'}, "
        f"{_quoted(error)} from (select {scheduled_for} as at)"
    )


def _quoted(text: str | None) -> str:
    return f"'{text}'" if text else "null"


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo == UTC
    return moment
