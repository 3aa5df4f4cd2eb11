"""`backfill`: what becomes of each occurrence of a range, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.past import FJORD, HOUR, NOBODY, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute, fetch


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


@pytest.fixture
def eventful(past: Past) -> Past:
    """Eight hours: succeeded, failed, two merged into a catch-up run that succeeded, claimed, skipped, and nothing."""
    past.record(8, "succeeded")
    past.record(7, "failed")
    past.record(6, "skipped", action="merge", source="catch_up")
    past.record(5, "skipped", action="merge", source="catch_up")
    past.record(4, "succeeded", source="catch_up", span=3)
    past.record(3, "claimed")
    past.record(2, "skipped", action="expire", source="catch_up")
    return past


def test_what_ran_or_is_in_hand_is_shown_and_not_run_again(on_database: Command, eventful: Past) -> None:
    answer = on_database("backfill", *_range(eventful, 8), "--integration", eventful.hourly, "--yes", "--json").answer
    assert [one["fate"] for one in answer["occurrences"]] == [
        "ran",
        "failed",
        "covered",
        "covered",
        "ran",
        "in hand",
        "runs",
        "runs",
    ]
    assert answer["counts"] == {"runs": 2, "ran": 2, "in hand": 1, "covered": 2, "failed": 1, "undecided": 0}
    runs = fetch(eventful.url, "select * from synkron.runs where source = 'backfill' order by scheduled_for")
    assert [run["id"] for run in runs] == answer["run_ids"]
    assert [run["scheduled_for"] for run in runs] == [eventful.hour - 2 * HOUR, eventful.hour - HOUR]
    assert [run["period_end"] - run["period_start"] for run in runs] == [HOUR, HOUR]
    assert [run["key"] for run in runs] == [eventful.key(run["scheduled_for"]) for run in runs]
    assert [one["key"] for one in answer["occurrences"]][-2:] == [run["key"] for run in runs]
    assert {(run["state"], run["tick_id"]) for run in runs} == {("claimed", None)}
    assert sorted(eventful.jobs()) == sorted(str(run["id"]) for run in runs)
    [audited] = eventful.audit()
    assert audited[1:] == ("backfill", f"integration {eventful.hourly} (xledger of Fjord)")


def test_backfilled_twice_nothing_runs_twice(on_database: Command, eventful: Past) -> None:
    command = ["backfill", *_range(eventful, 8), "--type", "xledger", "--yes", "--json"]
    on_database(*command)
    before = eventful.everything()
    again = on_database(*command)
    assert (again.code, again.answer["run_ids"]) == (0, [])
    assert eventful.everything() == before


@pytest.mark.parametrize(
    ("cover", "fates"),
    [
        ("succeeded", ["covered", "ran"]),
        ("running", ["covered", "in hand"]),
        ("failed", ["failed", "failed"]),
        ("skipped", ["runs", "runs"]),
    ],
)
def test_what_was_merged_shares_the_fate_of_its_run(
    on_database: Command, past: Past, cover: str, fates: list[str]
) -> None:
    past.record(2, "skipped", action="merge", source="catch_up")
    past.record(1, cover, source="catch_up", span=2)
    answer = on_database("backfill", *_range(past, 2), "--type", "xledger", "--dry-run", "--json").answer
    assert [one["fate"] for one in answer["occurrences"]] == fates


@pytest.mark.parametrize(
    ("cover", "hours", "fates"),
    [
        ({"state": "succeeded"}, 3, ["covered", "covered"]),
        ({"state": "running"}, 3, ["covered", "covered"]),
        ({"state": "failed"}, 3, ["failed", "failed"]),
        ({"state": "skipped"}, 3, ["runs", "runs"]),
        ({"state": "succeeded"}, 2, ["runs", "covered"]),
        ({"state": "succeeded"}, 1, ["runs", "runs"]),
        ({"state": "succeeded", "cron_schedule": "0 */2 * * *"}, 3, ["runs", "runs"]),
        ({"state": "succeeded", "period_start": None}, 3, ["runs", "runs"]),
    ],
)
def test_what_was_never_decided_may_be_in_the_period_of_a_later_run(
    on_database: Command, past: Past, cover: dict[str, Any], hours: int, fates: list[str]
) -> None:
    """As while a row could not be read: the run after it, even one after the range, covers that time.

    The first run of all covers no time before it; and where the schedule was another one, verify tells of no overlap.
    """
    run_id = past.record(1, cover.pop("state"), span=hours)
    for column, value in cover.items():
        execute(
            past.url,
            f"update synkron.runs set {column} = {'null' if value is None else repr(value)} where id = {run_id}",
        )
    answer = on_database("backfill", *_range(past, 3, 1), "--type", "xledger", "--dry-run", "--json").answer
    assert [one["fate"] for one in answer["occurrences"]] == fates
    assert {one["run_id"] for one in answer["occurrences"] if one["fate"] != "runs"} <= {run_id}


def test_the_beginning_is_included_and_the_end_is_not(on_database: Command, past: Past) -> None:
    answer = on_database("backfill", *_range(past, 3, 1), "--type", "xledger", "--dry-run", "--json").answer
    moments = [datetime.fromisoformat(one["scheduled_for"]) for one in answer["occurrences"]]
    assert moments == [past.hour - 3 * HOUR, past.hour - 2 * HOUR]


def test_a_backfilled_run_that_was_cancelled_runs_again(on_database: Command, past: Past) -> None:
    command = ["backfill", *_range(past, 1), "--type", "xledger", "--yes", "--json"]
    [run_id] = on_database(*command).answer["run_ids"]
    on_database("runs", "cancel", str(run_id), "--reason", "not yet", "--yes")
    assert past.state(run_id) == "skipped"
    assert on_database(*command).answer["run_ids"] == [run_id]
    [run] = fetch(past.url, "select state, retries from synkron.runs where source = 'backfill'")
    assert tuple(run) == ("claimed", 1)
    assert past.jobs() == [str(run_id)]


def test_what_a_pause_has_yet_to_decide_is_left_to_it(on_database: Command, past: Past) -> None:
    past.record(3, "skipped", action="skip")
    execute(
        past.url,
        "insert into synkron.pauses (reason, author, starts_at) values ('incident', 'ola', now() - interval '3 hours')",
        f"insert into synkron.held values ('{past.hourly}', '{past.hour - 2.5 * HOUR}')",
    )
    answer = on_database("backfill", *_range(past, 3), "--type", "xledger", "--yes", "--json").answer
    assert [one["fate"] for one in answer["occurrences"]] == ["runs", "undecided", "undecided"]
    assert (len(answer["run_ids"]), answer["paused"]) == (1, 1)


def test_a_paced_type_is_backfilled_at_its_pace(on_database: Command, past: Past) -> None:
    Path("synkron.toml").write_text("[types.xledger]\npace = 2\n", "utf-8")
    assert on_database("backfill", *_range(past, 6), "--type", "xledger", "--yes").code == 0
    starts = [
        row["execute_after"] for row in fetch(past.url, "select execute_after from synkron.runs order by scheduled_for")
    ]
    assert starts == sorted(starts)
    assert [later - earlier for earlier, later in pairwise(starts)] == [timedelta(seconds=30)] * 5
    allotted = fetch(past.url, "select starts from synkron.pace")
    assert [row["starts"] for row in allotted] == [2, 2, 2]


SKIPS = "insert into synkron.overrides (integration_id, overlap) values ('{hourly}', 'skip')"


@pytest.mark.parametrize(
    ("override", "hours", "skipping"),
    [
        pytest.param(None, 3, 0, id="the default: newer runs wait"),
        pytest.param(SKIPS, 3, 1, id="the integration skips"),
        pytest.param(SKIPS, 1, 0, id="it would skip, and nothing is to run"),
    ],
)
def test_the_preview_says_that_runs_on_schedule_will_be_skipped(
    on_database: Command, past: Past, override: str | None, hours: int, skipping: int
) -> None:
    past.record(1, "succeeded")
    if override:
        execute(past.url, override.format(hourly=past.hourly))
    command = ["backfill", *_range(past, hours), "--type", "xledger", "--dry-run"]
    assert on_database(*command, "--json").answer["overlap_skip"] == skipping
    says = "Overlap skip: runs on schedule of 1 integration that come due before these have ended are skipped."
    assert (says in on_database(*command).out) == bool(skipping)


def test_disabled_and_invalid_integrations_are_left_out(on_database: Command, past: Past) -> None:
    past.add("dynamics", "0 * * * *", enabled=False)
    past.add("bufdir", "0 99 * * *")
    past.add("bufdir", None)
    answer = on_database("backfill", *_range(past, 1), "--org", FJORD, "--dry-run", "--json").answer
    assert ([one["integration_id"] for one in answer["occurrences"]], answer["left_out"]) == ([past.hourly], 3)


def test_the_preview_for_people(on_database: Command, eventful: Past) -> None:
    ended = on_database("backfill", *_range(eventful, 8), "--integration", eventful.hourly, "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    said = ended.out.splitlines()
    assert said[0].endswith("(xledger of Fjord): 2 of 8 occurrences would run.")
    assert said[1] == "Not run: 2 ran, 1 in hand, 2 covered, 1 failed."
    assert sum(eventful.key(eventful.hour - ago * HOUR) in ended.out for ago in range(1, 9)) == 8
    assert "synkron runs retry" in ended.out


MINUTELY = "update organization_integrations set cron_schedule = '* * * * *'"


REFUSED: list[tuple[int, int, list[str], int, str]] = [
    (1, 2, ["--type", "xledger"], 6, "which is not after its start"),
    (1, 1, ["--type", "xledger"], 6, "which is not after its start"),
    (1, -2, ["--type", "xledger"], 6, "the schedulers decide what comes after"),
    (401 * 24, 1, ["--type", "xledger"], 6, "before the retention of 400d"),
    (1, 0, ["--type", "nope"], 4, 'There is no integration type "nope".'),
    (1, 0, ["--type", "bufdir"], 4, "There is no integration of type bufdir."),
    (1, 0, ["--org", NOBODY], 4, f'There is no organization "{NOBODY}"'),
    (1, 0, ["--integration", "x'y"], 4, 'There is no integration "x\'y".'),
    (1, 0, [], 2, "a backfill of everything is not made"),
]


def test_a_backfill_is_refused(on_database: Command, past: Past) -> None:
    before = past.everything()
    for start, end, given, code, said in REFUSED:
        ended = on_database("backfill", *_range(past, start, end), *given, "--yes")
        assert (ended.code, ended.out) == (code, ""), start
        assert said in _flat(ended.err), start
    assert past.everything() == before


def test_only_disabled_integrations_are_refused(on_database: Command, past: Past) -> None:
    execute(past.url, "update organization_integrations set is_enabled = false")
    ended = on_database("backfill", *_range(past, 2), "--type", "xledger", "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert "is enabled" in ended.err


def test_nothing_is_backfilled_before_the_first_tick(on_database: Command, past: Past) -> None:
    execute(past.url, "delete from synkron.watermark")
    ended = on_database("backfill", *_range(past, 2), "--type", "xledger", "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert "No scheduler has ticked yet" in ended.err


def test_more_than_ten_thousand_runs_need_a_yes(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(past.url, MINUTELY)
    before = past.everything()
    monkeypatch.setattr("sys.stdin", _Terminal())
    ended = on_database("backfill", *_range(past, 168), "--type", "xledger")
    assert (ended.code, ended.out) == (6, "")
    assert "That would be 10,080 runs. More than 10,000 runs need --yes: look" in ended.err
    assert past.everything() == before
    done = on_database("backfill", *_range(past, 168), "--type", "xledger", "--yes")
    assert (done.code, done.out.split()[0]) == (0, "10,080")
    assert fetch(past.url, "select count(*) from synkron.runs where state = 'claimed'")[0]["count"] == 10_080


def test_a_range_may_not_be_boundless(on_database: Command, past: Past) -> None:
    execute(past.url, MINUTELY)
    ended = on_database("backfill", *_range(past, 24 * 200), "--type", "xledger", "--dry-run")
    assert (ended.code, ended.out) == (6, "")
    assert "288,000 occurrences; one backfill takes at most 250,000" in ended.err


class _Terminal:
    """A terminal at which nobody answers."""

    def isatty(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody is asked, so {name} is not needed")


def _range(past: Past, start: int, end: int = 0) -> list[str]:
    """From so many hours before the last full hour, to so many."""
    return ["--from", (past.hour - start * HOUR).isoformat(), "--to", (past.hour - end * HOUR).isoformat()]


def _flat(message: str) -> str:
    return " ".join(message.replace("│", " ").split())
