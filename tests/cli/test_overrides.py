"""`overrides`, `overrides show`, `set` and `unset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synkron.scheduler.policies import OVERRIDABLE
from tests.cli.conftest import Command
from tests.cli.past import FJORD, NOBODY, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute, fetch

ALL_SET = {
    "--catch-up": "all",
    "--catch-up-window": "7d",
    "--overlap": "skip",
    "--spread": "1m30s",
    "--attempts": "7",
    "--backoff": "500ms",
    "--timeout": "5m",
    "--completion-timeout": "12h",
}
VALUES: dict[str, Any] = {key[2:].replace("-", "_"): value for key, value in ALL_SET.items()} | {"attempts": 7}


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


def set_(past: Past, *options: str) -> list[str]:
    return ["overrides", "set", "--integration", past.hourly, "--author", "kari", "--yes", *options]


def unset(past: Past, *options: str) -> list[str]:
    return ["overrides", "unset", "--integration", past.hourly, "--author", "ola", "--yes", *options]


def test_set_everything_and_take_it_back(on_database: Command, past: Past) -> None:
    assert list(VALUES) == list(OVERRIDABLE)
    ended = on_database(*set_(past, *[word for option in ALL_SET.items() for word in option], "--json"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.answer == {
        "dry_run": False,
        "integration_id": past.hourly,
        "org_id": FJORD,
        "org_name": "Fjord",
        "integration_type": "xledger",
        "before": {},
        "after": VALUES,
    }
    [listed] = on_database("overrides", "--json").answer
    assert (listed["integration_id"], listed["org_name"], listed["values"]) == (past.hourly, "Fjord", VALUES)
    assert on_database("overrides", "list", "--json").answer == [listed]
    ended = on_database(*unset(past))
    assert ended.out.startswith(f"Nothing is set for integration {past.hourly} (xledger of Fjord) any more")
    assert on_database("overrides", "--json").answer == []
    unset_it, set_it = on_database("audit", "--json").answer
    assert (set_it["author"], set_it["action"], set_it["before"], set_it["after"]) == ("kari", "override", None, VALUES)
    assert (unset_it["author"], unset_it["action"]) == ("ola", "end override")
    assert (unset_it["before"], unset_it["after"]) == (VALUES, None)


def test_what_is_not_named_stays(on_database: Command, past: Past) -> None:
    on_database(*set_(past, "--timeout", "5m", "--attempts", "2"))
    ended = on_database(*set_(past, "--timeout", "6m"))
    assert ended.out == f"Set for integration {past.hourly} (xledger of Fjord): attempts 2, timeout 6m.\n"
    ended = on_database(*unset(past, "timeout"))
    assert ended.out == f"Set for integration {past.hourly} (xledger of Fjord): attempts 2.\n"
    assert [(one["before"], one["after"]) for one in on_database("audit", "--json").answer] == [
        ({"attempts": 2, "timeout": "6m"}, {"attempts": 2}),
        ({"attempts": 2, "timeout": "5m"}, {"attempts": 2, "timeout": "6m"}),
        (None, {"attempts": 2, "timeout": "5m"}),
    ]


def test_what_is_set_so_already_is_no_change(on_database: Command, past: Past) -> None:
    on_database(*set_(past, "--timeout", "5m"))
    before = past.everything()
    assert on_database(*set_(past, "--timeout", "300s")).code == 0
    assert past.everything() == before


def test_the_policy_in_effect_and_where_it_comes_from(on_database: Command, past: Past) -> None:
    Path("synkron.toml").write_text('[types.xledger]\ntimeout = "10m"\nspread = "2m"\npace = 40\n', "utf-8")
    on_database(*set_(past, "--timeout", "5m"))
    ended = on_database("overrides", "show", "--integration", past.hourly, "--json")
    assert {one["key"]: (one["value"], one["from"]) for one in ended.answer["policy"]} == {
        "catch_up": ("latest", "default"),
        "catch_up_window": ("24h", "default"),
        "overlap": ("queue", "default"),
        "spread": ("2m", "settings"),
        "attempts": (3, "default"),
        "backoff": ("1m", "default"),
        "timeout": ("5m", "override"),
        "completion_timeout": ("1h", "default"),
        "pace": (40, "settings"),
        "concurrency": (100, "default"),
    }
    lines = [line.split() for line in on_database("overrides", "show", "--integration", past.hourly).out.splitlines()]
    assert ["timeout", "5m", "its", "override"] in lines
    assert ["spread", "2m", "types.xledger"] in lines


REFUSED: list[tuple[list[str], int, str]] = [
    (["--catch-up", "never"], 2, "catch_up: expected 'latest', 'all' or 'skip'; found 'never'"),
    (["--overlap", "all"], 2, "overlap: expected 'queue' or 'skip'; found 'all'"),
    (["--attempts", "0"], 2, "attempts: expected greater than or equal to 1; found '0'"),
    (["--attempts", "101"], 2, "attempts: expected less than or equal to 100; found '101'"),
    (["--attempts", "many"], 2, "attempts: expected a valid integer"),
    (["--timeout", "0s"], 2, "timeout: expected a duration above zero"),
    (["--timeout", "5"], 2, 'timeout: expected a duration such as "30s"'),
    (["--spread", "-1m"], 2, 'spread: expected a duration such as "30s"'),
    (["--backoff", "0ms"], 2, "backoff: expected a duration above zero"),
    (["--completion-timeout", "9999d"], 2, "completion_timeout: expected a duration such as"),
    (["--catch-up-window", "400d"], 2, "catch_up_window: expected a duration shorter than the retention (400d)"),
    ([], 2, "give at least one value"),
    (["--timeout", "5m", "--integration", NOBODY], 4, f'There is no integration "{NOBODY}".'),
    (["--timeout", "5m", "--integration", "no uuid"], 4, 'There is no integration "no uuid".'),
]


def test_what_is_refused(on_database: Command, past: Past) -> None:
    on_database(*set_(past, "--catch-up", "all"))
    before = past.everything()
    for options, code, said in REFUSED:
        ended = on_database(*set_(past, *options))
        assert (ended.code, ended.out) == (code, ""), options
        assert said in ended.err
        assert past.everything() == before, options


def test_every_fault_is_said(on_database: Command, past: Past) -> None:
    ended = on_database(*set_(past, "--catch-up", "never", "--timeout", "5q"))
    assert [line.split(":")[1] for line in ended.err.splitlines()] == [" catch_up", " timeout"]


NOT_TAKEN_BACK: list[tuple[list[str], int, str]] = [
    (["timeout"], 4, "has no override of timeout."),
    (["catch_up", "timeout"], 4, "has no override of timeout."),
    (["pace"], 2, '"pace" can\'t be set; allowed are catch_up, catch_up_window'),
    (["--integration", NOBODY], 4, f'There is no integration "{NOBODY}".'),
    (["--integration", "no uuid"], 4, 'There is no integration "no uuid".'),
]


def test_what_is_not_set_is_not_taken_back(on_database: Command, past: Past) -> None:
    on_database(*set_(past, "--catch-up", "all"))
    before = past.everything()
    for keys, code, said in NOT_TAKEN_BACK:
        ended = on_database(*unset(past, *keys))
        assert (ended.code, ended.out) == (code, ""), keys
        assert said in ended.err, keys
    assert past.everything() == before


def test_what_was_set_for_a_deleted_integration_is_shown_and_taken_back(on_database: Command, past: Past) -> None:
    on_database(*set_(past, "--catch-up", "all"))
    execute(past.url, "delete from organization_integrations")
    [listed] = on_database("overrides", "--json").answer
    assert (listed["integration_id"], listed["integration_type"]) == (past.hourly, None)
    assert "deleted" in on_database("overrides").out
    assert on_database(*unset(past)).code == 0
    assert fetch(past.url, "select * from synkron.overrides") == []


def test_a_type_that_the_settings_do_not_know_has_no_policy(on_database: Command, past: Past) -> None:
    execute(past.url, "update organization_integrations set integration_type = 'fax'")
    ended = on_database("overrides", "show", "--integration", past.hourly)
    assert (ended.code, ended.out) == (6, "")
    assert 'has the type "fax", which is not in the settings' in ended.err


@pytest.mark.parametrize("command", [["set", "--catch-up", "skip"], ["unset"], ["unset", "catch-up"]])
def test_a_dry_run_changes_nothing(on_database: Command, past: Past, command: list[str]) -> None:
    on_database(*set_(past, "--catch-up", "all"))
    before = past.everything()
    ended = on_database("overrides", *command, "--integration", past.hourly, "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    after = "skip" if command[0] == "set" else "the type's"
    assert ended.out.splitlines()[1] == f"  catch_up: from all to {after}"
    assert past.everything() == before


@pytest.mark.parametrize("command", [["set", "--catch-up", "skip"], ["unset"]])
def test_without_a_terminal_nobody_can_be_asked(synkron: Command, command: list[str]) -> None:
    ended = synkron("overrides", *command, "--integration", "x")
    assert (ended.code, ended.out) == (2, "")
    assert "give --yes" in ended.err


def test_there_are_none(on_database: Command) -> None:
    ended = on_database("overrides")
    assert (ended.code, ended.out) == (0, "")
    assert "Nothing is set for a single integration" in ended.err
    assert on_database("overrides", "--json", "list").code == 2
