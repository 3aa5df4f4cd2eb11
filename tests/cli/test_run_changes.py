"""What a person at a terminal is asked before runs are made or changed, and what holds when they answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from synkron import complete_run
from synkron.errors import Refused
from synkron.model import Outcome, OutcomeKind
from synkron.settings.load import Settings
from tests.cli.conftest import Command
from tests.cli.past import HOUR, Past, make_past
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.statements import ask, execute, fetch

PAUSED = "insert into synkron.pauses (reason, author) values ('incident', 'ola')"
SUCCEEDED = "update synkron.runs set state = 'succeeded', started_at = now(), finished_at = now(), attempt = 1"


class Terminal:
    """A terminal at which somebody answers; ``before`` is what happens while they think."""

    def __init__(self, answer: str, before: Callable[[], object] = lambda: None) -> None:
        self._answer = answer
        self._before = before

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self._before()
        return self._answer + "\n"


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


def command_for(past: Past, name: str) -> list[str]:
    """A command that has something to do."""
    match name:
        case "trigger":
            return ["trigger", "--integration", past.hourly]
        case "backfill":
            return ["backfill", *_range(past, 3), "--type", "xledger"]
        case "retry":
            return ["runs", "retry", str(past.record(5, "failed"))]
        case _:
            return ["runs", "cancel", str(past.record(5, "claimed")), "--reason", "wrong period"]


@pytest.mark.parametrize("name", ["trigger", "backfill", "retry", "cancel"])
def test_nothing_is_done_without_a_yes(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    command = command_for(past, name)
    before = past.everything()
    for answer in ("n", ""):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        ended = on_database(*command)
        assert (ended.code, ended.out.strip()) == (1, "")
        assert ended.err.endswith("Nothing was changed.\n")
    assert past.everything() == before
    monkeypatch.setattr("sys.stdin", Terminal("y"))
    assert on_database(*command, "--author", "kari").code == 0
    assert [(who, what) for who, what, _ in past.audit()] == [("kari", name)]


@pytest.mark.parametrize(
    ("name", "meanwhile", "said"),
    [
        ("trigger", PAUSED, "is paused by ola (incident)"),
        ("trigger", "update organization_integrations set is_enabled = false", "is disabled"),
        (
            "backfill",
            "update organization_integrations set is_enabled = false",
            "No integration of type xledger is enabled",
        ),
        ("retry", "update synkron.runs set state = 'claimed', finished_at = null", "is claimed. Only a run that has"),
        ("cancel", SUCCEEDED, "is succeeded. Only a run that is claimed or running"),
    ],
)
def test_what_changed_while_somebody_was_asked_is_refused(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: str, said: str
) -> None:
    command = command_for(past, name)
    after_it: list[object] = []

    def change() -> None:
        _in_a_thread(lambda: execute(past.url, meanwhile))
        after_it.append(_in_a_thread(past.everything))

    monkeypatch.setattr("sys.stdin", Terminal("y", change))
    ended = on_database(*command)
    assert (ended.code, ended.out.strip()) == (6, "")
    assert said in ended.err
    assert [past.everything()] == after_it


def test_what_ran_while_somebody_was_asked_is_not_run_again(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y", lambda: _in_a_thread(lambda: past.record(2, "succeeded"))))
    ended = on_database("backfill", *_range(past, 3), "--type", "xledger")
    assert (ended.code, ended.out.split(",")[0].strip()) == (0, "2 runs are claimed")
    made = fetch(past.url, "select scheduled_for from synkron.runs where source = 'backfill' order by 1")
    assert [row["scheduled_for"] for row in made] == [past.hour - 3 * HOUR, past.hour - HOUR]


def test_where_nothing_is_to_run_nobody_is_asked(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    past.record(1, "succeeded")
    before = past.everything()
    monkeypatch.setattr("sys.stdin", Terminal("y", lambda: pytest.fail("somebody was asked")))
    ended = on_database("backfill", *_range(past, 1), "--type", "xledger")
    assert (ended.code, ended.out.strip()) == (0, "There is nothing to run; nothing was changed.")
    assert "0 of 1 occurrences would run" in ended.err
    assert past.everything() == before


def test_a_run_that_its_target_accepted_is_cancelled_and_not_completed_any_more(
    on_database: Command, past: Past
) -> None:
    run = past.record(1, "running")
    execute(
        past.url,
        f"update synkron.runs set completes_by = now() + interval '1 hour', http_status = 202 where id = {run}",
        f"insert into synkron.running select integration_id, id, 1 from synkron.runs where id = {run}",
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, http_status) "
        f"select id, scheduled_for, attempt, 'w', 202 from synkron.runs where id = {run}",
    )
    assert on_database("runs", "cancel", str(run), "--reason", "hangs", "--author", "kari", "--yes").code == 0
    [after] = fetch(past.url, "select key, state, error, completes_by from synkron.runs where id = $1", run)
    assert tuple(after)[1:] == ("failed", "cancelled by kari: hangs", None)
    assert [row["outcome"] for row in fetch(past.url, "select outcome from synkron.attempts")] == ["cancelled"]
    before = past.everything()
    with pytest.raises(Refused, match="is failed and does not wait for a completion"):
        ask(past.url, lambda connection: _complete(connection, run, after["key"]))
    assert past.everything() == before


def test_a_moment_that_is_decided_but_lies_ahead_is_not_run_before_it(on_database: Command, past: Past) -> None:
    """The watermark is half a minute ahead of the clock."""
    execute(past.url, "update synkron.watermark set at = now() + interval '2 hours'")
    [run_id] = on_database(
        "backfill", "--from", (past.hour + timedelta(minutes=1)).isoformat(), "--to", _ahead(past), "--type", "xledger",
        "--yes", "--json",
    ).answer["run_ids"]  # fmt: skip
    [run] = fetch(past.url, "select scheduled_for, execute_after from synkron.runs where id = $1", run_id)
    assert tuple(run) == (past.hour + HOUR, past.hour + HOUR)


def _in_a_thread(do: Callable[[], Any]) -> Any:
    """Do it beside the command, whose event loop is busy."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(do).result()


async def _complete(connection: Connection, run_id: int, key: str) -> None:
    await complete_run(connection, Settings(), run_id, key=key, attempt=1, outcome=Outcome(OutcomeKind.SUCCEEDED, 200))


def _range(past: Past, start: int) -> list[str]:
    return ["--from", (past.hour - start * HOUR).isoformat(), "--to", past.hour.isoformat()]


def _ahead(past: Past) -> str:
    return (past.hour + HOUR + timedelta(minutes=1)).isoformat()
