"""`synkron doctor`: what needs attention first, in words and in JSON, and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from synkron.cli.commands.doctor import lines
from synkron.service.doctor.finding import Finding, Level
from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

NOT_CHECKED = Finding(Level.SKIPPED, "Not checked, because the check row security failed.")
REPORT = {
    "connection": [Finding(Level.OK, "To the database. " + "It is a long story " * 5)],
    "indexes": [Finding(Level.WARNING, "An index is missing.", None, ("synkron migrate --with-index",))],
    "row security": [Finding(Level.FAILED, "It hides rows " * 8, None, ('alter role "' + "x" * 70 + '" bypassrls;',))],
    "due read": [NOT_CHECKED],
    "rows": [NOT_CHECKED],
    "clock": [Finding(Level.FAILED, "Wrong.", "Do this, " * 12 + "and that.", ("one", "two"))],
}


def test_what_needs_attention_comes_first_and_a_command_is_not_wrapped() -> None:
    written = lines(REPORT, 80)
    assert written == [
        "failed   row security  It hides rows It hides rows It hides rows It hides rows",
        "                       It hides rows It hides rows It hides rows It hides rows",
        f'                       alter role "{"x" * 70}" bypassrls;',
        "",
        "failed   clock         Wrong.",
        "                       Do this, Do this, Do this, Do this, Do this, Do this, Do",
        "                       this, Do this, Do this, Do this, Do this, Do this, and",
        "                       that.",
        "                       either  one",
        "                       or      two",
        "",
        "warning  indexes       An index is missing.",
        "                       synkron migrate --with-index",
        "",
        "skipped  due read, rows: Not checked, because the check row security failed.",
        "",
        "ok       connection    To the database. It is a long story It is a long story It",
        "                       is a long story It is a long story It is a long story",
    ]


def test_what_is_well_is_only_named_where_the_screen_has_no_room_for_more() -> None:
    whole = lines(REPORT, 80)
    assert lines(REPORT, 80, len(whole)) == whole
    assert lines(REPORT, 80, len(whole) - 1) == [
        *whole[:-2],
        "ok       connection. What each found: `synkron doctor --json`.",
    ]


def test_on_a_database_that_serves_nobody_yet(on_database: Command) -> None:
    ended = on_database("doctor")
    assert ended.code == 0
    levels = [line.split()[0] for line in ended.out.splitlines() if line and line[0] != " "]
    assert levels == ["warning"] * 3 + ["ok"] * 16
    assert ended.err == "19 checks: 0 failed, 3 warnings, 0 skipped.\n"


@pytest.mark.own_database
def test_in_json(on_database: Command, database: Database) -> None:
    execute(database.superuser_url, "drop schema synkron cascade")
    ended = on_database("doctor", "--json")
    assert ended.code == 3
    answer = ended.answer
    assert (answer["failed"], answer["skipped"]) == (1, 7)
    assert [one for one in answer["checks"] if one["level"] == "failed"] == [
        {
            "check": "ledger",
            "level": "failed",
            "why": "This database has no schema synkron.",
            "remedy": None,
            "commands": ["synkron migrate --grant-to synkron"],
        }
    ]
    assert [one for one in answer["checks"] if one["check"] == "queue"] == [
        {
            "check": "queue",
            "level": "skipped",
            "why": "Not checked, because the check ledger failed.",
            "remedy": None,
            "commands": [],
        }
    ]


@pytest.mark.parametrize("url", ["postgresql://someone:hush-hush@127.0.0.1:1/app", None])
def test_without_a_database(synkron: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str | None) -> None:
    """Neither an address at which none is, nor an embedded one: asking makes none."""
    if url is not None:
        monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
    ended = synkron("doctor")
    assert ended.code == 3
    assert ended.out.startswith("failed   connection")
    assert "skipped  server, clock, ledger, " in ended.out
    assert "hush" not in ended.out + ended.err
    assert not (tmp_path / "none").exists()


def test_faults_of_the_settings_are_findings(synkron: Command) -> None:
    """Those of the file, and those that show when secrets are read and targets opened; the rest is checked too."""
    Path("synkron.toml").write_text(
        'bogus = 1\n[types.xledger]\ntarget = "http://127.0.0.1:1/x"\nsecret = "env:NOT_SET"\n'
        '[types.bufdir]\ntarget = "nowhere.to_be_found:run"\n',
        "utf-8",
    )
    checks = synkron("doctor", "--json").answer["checks"]
    assert [(one["level"], one["why"].split(":")[0]) for one in checks if one["check"] == "settings"] == [
        ("failed", "bogus"),
        ("failed", "types.bufdir.target"),
    ]
    assert [one["commands"] for one in checks if one["check"] == "secrets"] == [["export NOT_SET=SECRET"]]
    assert [one["level"] for one in checks if one["check"] == "connection"] == ["failed"]


def test_a_target_s_module_that_does_not_end(synkron: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is named, and so is the next one; the rest is checked."""
    monkeypatch.setattr("synkron.cli.commands.doctor.OPENED_WITHIN", 0.3)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("endless", "endless_too"):
        (tmp_path / f"{name}.py").write_text("import threading\nthreading.Event().wait()\n", "utf-8")
    targets = '[types.xledger]\ntarget = "endless:run"\n[types.bufdir]\ntarget = "endless_too:run"\n'
    Path("synkron.toml").write_text(targets, "utf-8")
    checks = synkron("doctor", "--json").answer["checks"]
    assert [one["why"] for one in checks if one["check"] == "settings"] == [
        f"types.{name}.target: {module} can't be imported (TimeoutError: it did not end within 0.3 s); correct the "
        "name, install its package beside Synkron, or put its folder on PYTHONPATH."
        for name, module in (("xledger", "endless"), ("bufdir", "endless_too"))
    ]
    assert [one["level"] for one in checks if one["check"] == "connection"] == ["failed"]


def test_settings_of_which_nothing_is_left(synkron: Command) -> None:
    Path("synkron.toml").write_text("a = ", "utf-8")
    ended = synkron("doctor")
    assert ended.code == 3
    assert ended.out.startswith("failed   settings      synkron.toml: this is not TOML")
    assert ended.err == "19 checks: 1 failed, 0 warnings, 18 skipped.\n"
