"""`runs retry`, `runs cancel` and `trigger`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from tests.cli.conftest import Command
from tests.cli.past import FJORD, HOUR, NOBODY, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute, fetch

UNKNOWN_TYPE = """
    update synkron.runs set integration_type = 'abc';
    update organization_integrations set integration_type = 'abc';
"""


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


def test_retry_gives_a_failed_run_another_chance_with_its_key(on_database: Command, past: Past) -> None:
    failed = past.record(2, "failed")
    [before] = fetch(past.url, "select * from synkron.runs where id = $1", failed)
    ended = on_database("runs", "retry", str(failed), "--yes", "--author", "kari")
    assert (ended.code, ended.out, ended.err) == (0, f"1 run is claimed again: {failed}.\n", "")
    [after] = fetch(past.url, "select * from synkron.runs where id = $1", failed)
    assert (after["state"], after["failures"], after["crashes"], after["retries"]) == ("claimed", 0, 0, 1)
    assert (after["key"], after["attempt"]) == (before["key"], before["attempt"])
    assert (after["finished_at"], after["error"]) == (None, None)
    assert past.jobs() == [str(failed)]
    assert past.audit() == [("kari", "retry", f"run {failed}")]


def test_retry_takes_several_or_none(on_database: Command, past: Past) -> None:
    failed = [past.record(3, "failed"), past.record(2, "failed")]
    done = past.record(1, "succeeded")
    before = past.everything()
    ended = on_database("runs", "retry", *map(str, failed), str(done), "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert f"Run {done} is succeeded." in ended.err
    assert past.everything() == before
    assert on_database("runs", "retry", *map(str, failed), "--yes", "--author", "kari").code == 0
    assert [past.state(one) for one in failed] == ["claimed", "claimed"]
    assert past.audit() == [("kari", "retry", f"run {one}") for one in failed]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update organization_integrations set is_enabled = false", "is disabled"),
        ("delete from organization_integrations", "was deleted"),
        ("update organization_integrations set integration_type = 'bufdir'", "now has another organization or another"),
        (UNKNOWN_TYPE, '"abc" is not a known integration type'),
    ],
)  # fmt: skip
def test_a_run_that_would_be_skipped_is_not_retried(on_database: Command, past: Past, change: str, said: str) -> None:
    failed = past.record(2, "failed")
    execute(past.url, change)
    before = past.everything()
    ended = on_database("runs", "retry", str(failed), "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert said in ended.err
    assert past.everything() == before


def test_a_retry_under_a_pause_waits_and_says_so(on_database: Command, past: Past) -> None:
    failed = past.record(2, "failed")
    execute(past.url, "insert into synkron.pauses (reason, author) values ('incident', 'kari')")
    ended = on_database("runs", "retry", str(failed), "--dry-run")
    assert "it is paused, and waits until that ends" in ended.out
    assert on_database("runs", "retry", str(failed), "--dry-run", "--json").answer["runs"][0]["paused"] is True
    assert past.state(failed) == "failed"


@pytest.mark.parametrize(
    ("state", "then", "column"), [("claimed", "skipped", "reason"), ("running", "failed", "error")]
)
def test_cancel_ends_a_run(on_database: Command, past: Past, state: str, then: str, column: str) -> None:
    run = past.record(2, state)
    behind = past.record(1, "claimed")
    execute(
        past.url,
        f"insert into synkron.queue (priority, created, updated, heartbeat, execute_after, status, entrypoint, payload)"
        f" values (0, now(), now(), now(), now(), 'queued', 'xledger', '{run}')",
    )
    if state == "running":
        execute(
            past.url,
            f"insert into synkron.running select integration_id, id, 1 from synkron.runs where id = {run}",
            "insert into synkron.attempts (run_id, scheduled_for, attempt, worker) "
            f"select id, scheduled_for, attempt, 'w' from synkron.runs where id = {run}",
        )
    ended = on_database("runs", "cancel", str(run), "--reason", "wrong period", "--author", "kari", "--yes")
    recorded = "as skipped" if then == "skipped" else "as failed; what its target has begun may go on"
    assert (ended.code, ended.out, ended.err) == (0, f"Run {run} is cancelled, and recorded {recorded}.\n", "")
    [after] = fetch(past.url, f"select state, {column} why, finished_at from synkron.runs where id = $1", run)
    assert (after["state"], after["why"]) == (then, "cancelled by kari: wrong period")
    assert after["finished_at"] is not None
    assert fetch(past.url, "select * from synkron.running") == []
    outcomes = [row["outcome"] for row in fetch(past.url, "select outcome from synkron.attempts")]
    assert outcomes == (["cancelled"] if state == "running" else [])
    assert past.jobs() == [str(behind)]
    assert past.audit() == [("kari", "cancel", f"run {run}")]


@pytest.mark.parametrize("accepted", [True, False])
def test_why_names_the_run_that_is_ahead_and_blames_no_worker(on_database: Command, past: Past, accepted: bool) -> None:
    ahead = past.record(2, "running")
    past.record(1, "claimed")
    execute(
        past.url,
        f"insert into synkron.running select integration_id, id, 1 from synkron.runs where id = {ahead}",
        *([f"update synkron.runs set completes_by = now() + interval '1 hour' where id = {ahead}"] if accepted else []),
    )
    at = f"{past.hour - HOUR:%Y-%m-%dT%H:%MZ}"
    told = " ".join(on_database("why", "--integration", past.hourly, "--at", at).out.split())
    assert f"it waits behind run {ahead} of its integration, which" in told
    assert ("its target accepted (202) and has until" in told) == accepted
    assert "worker" not in told


@pytest.mark.own_database
@pytest.mark.parametrize(("options", "whose"), [
    ([], f"xledger of Fjord ({FJORD})"),
    (["drop table organization_integrations, organizations"], f"xledger of {FJORD}"),
])  # fmt: skip
def test_cancel_names_the_organization_where_it_can_be_read(
    on_database: Command, past: Past, options: list[str], whose: str
) -> None:
    waiting = past.record(1, "claimed")
    execute(past.url, *options)
    at = f"{past.hour - HOUR:%Y-%m-%d %H:%M} UTC"
    ended = on_database("runs", "cancel", str(waiting), "--reason", "x", "--dry-run")
    told = f"Cancel run {waiting} of {at}, {whose}, which is claimed: it would not be delivered\n"
    assert (ended.code, ended.out) == (0, told)
    assert on_database("runs", "cancel", str(waiting), "--reason", "x", "--yes").code == 0
    assert past.state(waiting) == "skipped"


def test_retry_names_the_organization(on_database: Command, past: Past) -> None:
    failed = past.record(2, "failed")
    at = f"{past.hour - 2 * HOUR:%Y-%m-%d %H:%M} UTC"
    ended = on_database("runs", "retry", str(failed), "--dry-run")
    assert ended.out == f"Retry run {failed} of {at}, xledger of Fjord ({FJORD}): HTTP 500\n"


def test_cancel_takes_the_runs_behind_too(on_database: Command, past: Past) -> None:
    runs = [past.record(ago, "claimed") for ago in (3, 2, 1)]
    assert on_database("runs", "cancel", *map(str, runs), "--reason", "incident", "--yes").code == 0
    assert [past.state(one) for one in runs] == ["skipped"] * 3
    assert past.jobs() == []


@pytest.mark.parametrize("state", ["claimed", "running"])
def test_cancel_says_what_goes_with_the_run_and_how_to_run_it(on_database: Command, past: Past, state: str) -> None:
    for ago in (5, 4, 3):
        past.record(ago, "skipped", action="merge", source="catch_up")
    past.record(6, "skipped", action="merge", source="catch_up")
    cover = past.record(2, state, source="catch_up", span=4)
    past.record(4, "claimed", source="backfill")
    options = ["--reason", "wrong period", "--yes"]
    preview = on_database("runs", "cancel", str(cover), "--reason", "wrong period", "--dry-run")
    says = "Its period stands for 2 merged occurrences too, which go with it. To run them afterwards: `synkron "
    assert says in preview.out
    [planned] = on_database("runs", "cancel", str(cover), *options[:2], "--dry-run", "--json").answer["runs"]
    assert (planned["merged"], datetime.fromisoformat(planned["merged_from"])) == (2, past.hour - 5 * HOUR)
    ended = on_database("runs", "cancel", str(cover), *options)
    assert says in ended.out
    command = ended.out.split("`synkron ")[1].rstrip("`\n").split()
    assert on_database(*command, "--yes").code == 0
    if state == "running":
        assert past.state(cover) == "claimed"
    else:
        made = fetch(past.url, "select scheduled_for from synkron.runs where source = 'backfill' order by 1")
        assert [(past.hour - row["scheduled_for"]) / HOUR for row in made] == [5, 4, 3]


@pytest.mark.parametrize("state", ["succeeded", "failed", "skipped"])
def test_what_has_ended_is_not_cancelled(on_database: Command, past: Past, state: str) -> None:
    ended_run, waiting = past.record(2, state), past.record(1, "claimed")
    before = past.everything()
    ended = on_database("runs", "cancel", str(ended_run), str(waiting), "--reason", "x", "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert f"Run {ended_run} is {state}." in ended.err
    assert past.everything() == before


@pytest.mark.parametrize("command", [["retry"], ["cancel", "--reason", "x"]])
def test_a_run_that_is_not_there_is_not_found(on_database: Command, past: Past, command: list[str]) -> None:
    failed = past.record(1, "failed")
    before = past.everything()
    for number in ("4711", str(2**63 - 1)):
        ended = on_database("runs", *command, str(failed), number, "--yes")
        assert (ended.code, ended.out) == (4, "")
        assert ended.err == f"error: There is no run {number}. `synkron runs` lists those there are.\n"
    assert past.everything() == before


@pytest.mark.parametrize(
    "command", [["runs", "retry", "1"], ["runs", "cancel", "1", "--reason", "x"], ["trigger", "--integration", "x"],
                ["backfill", "--from", "2026-01-01T00:00Z", "--to", "2026-01-02T00:00Z", "--type", "xledger"]]
)  # fmt: skip
def test_without_a_terminal_nobody_can_be_asked(synkron: Command, command: list[str]) -> None:
    ended = synkron(*command)
    assert (ended.code, ended.out) == (2, "")
    assert "give --yes" in " ".join(ended.err.replace("│", " ").split())


def test_a_dry_run_changes_nothing(on_database: Command, past: Past) -> None:
    failed, waiting = past.record(3, "failed"), past.record(1, "claimed")
    before = past.everything()
    commands = (
        ["runs", "retry", str(failed)],
        ["runs", "cancel", str(waiting), "--reason", "x"],
        ["trigger", "--integration", past.hourly],
        ["backfill", "--type", "xledger", *_range(past)],
    )
    for command in commands:
        said = on_database(*command, "--dry-run")
        assert (said.code, said.err) == (0, "")
        assert said.out != ""
        assert on_database(*command, "--dry-run", "--json").answer["dry_run"] is True
    assert past.everything() == before


def test_trigger_runs_from_the_last_success_to_now(on_database: Command, past: Past) -> None:
    past.record(5, "succeeded")
    past.record(4, "succeeded")
    past.record(3, "failed")
    answer = on_database(
        "trigger", "--org", FJORD, "--type", "xledger", "--reason", "they asked", "--author", "kari", "--yes", "--json"
    ).answer
    [run] = fetch(past.url, "select * from synkron.runs where id = $1", answer["run_id"])
    assert (run["source"], run["state"], run["reason"]) == ("manual", "claimed", "triggered by kari: they asked")
    assert run["key"] == answer["key"]
    assert str(UUID(answer["key"])) == answer["key"]
    assert datetime.fromisoformat(answer["period_start"]) == run["period_start"] == past.hour - 4 * HOUR
    assert datetime.fromisoformat(answer["period_end"]) == run["period_end"] == run["scheduled_for"]
    assert (answer["dry_run"], answer["behind_run_id"]) == (False, None)
    assert past.jobs() == [str(run["id"])]
    assert past.audit() == [("kari", "trigger", f"integration {past.hourly} (xledger of Fjord)")]


def test_trigger_before_any_success_begins_where_the_schedule_does(on_database: Command, past: Past) -> None:
    answer = on_database("trigger", "--integration", past.hourly, "--yes", "--json").answer
    assert datetime.fromisoformat(answer["period_start"]) == past.hour
    bare = past.add("bufdir", None)
    assert on_database("trigger", "--integration", bare, "--yes", "--json").answer["period_start"] is None


def test_trigger_twice_makes_two_runs(on_database: Command, past: Past) -> None:
    first, second = (on_database("trigger", "--integration", past.hourly, "--yes", "--json").answer for _ in range(2))
    assert first["key"] != second["key"]
    assert second["behind_run_id"] == first["run_id"]


REFUSED_TRIGGERS: list[tuple[list[str], int, str]] = [
    (["--integration", "not a uuid"], 4, 'There is no integration "not a uuid".'),
    (["--integration", NOBODY], 4, f'There is no integration "{NOBODY}".'),
    (["--org", NOBODY, "--type", "xledger"], 4, f'There is no organization "{NOBODY}"'),
    (["--org", FJORD, "--type", "xledgr"], 4, 'There is no integration type "xledgr".'),
    (["--org", FJORD, "--type", "bufdir"], 4, "There is no integration of type bufdir of organization"),
    (["--org", FJORD], 2, "--org and --type together"),
    (["--integration", NOBODY, "--type", "xledger"], 2, "--org and --type together"),
    ([], 2, "--org and --type together"),
]


def test_trigger_is_refused_for_what_is_not_there(on_database: Command, past: Past) -> None:
    before = past.everything()
    for given, code, said in REFUSED_TRIGGERS:
        ended = on_database("trigger", *given, "--yes")
        assert (ended.code, ended.out) == (code, ""), given
        assert said in " ".join(ended.err.replace("│", " ").split()), given
    assert past.everything() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"insert into organization_integrations (org_id, integration_type) values ('{FJORD}', 'xledger')",
         "Name one: --integration."),
        ("update organization_integrations set is_enabled = false", "is disabled"),
        (f"insert into synkron.pauses (org_id, reason, author) values ('{FJORD}', 'contract ended', 'ola')",
         "is paused by ola (contract ended)"),
        ("update organization_integrations set cron_schedule = '99 * * * *'", "can't run"),
    ],
)  # fmt: skip
def test_trigger_is_refused(on_database: Command, past: Past, change: str, said: str) -> None:
    execute(past.url, change)
    before = past.everything()
    ended = on_database("trigger", "--org", FJORD, "--type", "xledger", "--yes")
    assert (ended.code, ended.out) == (6, "")
    assert said in ended.err
    assert past.everything() == before


def _range(past: Past) -> list[str]:
    return ["--from", (past.hour - 6 * HOUR).isoformat(), "--to", past.hour.isoformat()]
