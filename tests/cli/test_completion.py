"""What the shells complete, asked as their scripts ask: types, organizations and runs; and silence if that can't be."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from synkron.cli import completion
from tests.cli.conftest import Command
from tests.cli.past import FJORD, HOUR, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute

# What some shell would evaluate, expand, or take for two.
HOSTILE = "Fjordvik'; $(touch x) `touch x` \\$(touch x) \x1b[31m\n* & Sønner"
COMPLETED = "fjordvik_touch_x_touch_x_touch_x_x1b_31m_sønner"
Complete = Callable[..., list[str]]


@pytest.fixture
def past(database: Database) -> Past:
    """Fjord with its runs, others with names of several kinds, and types that only rows have."""
    made = make_past(database.url)
    quoted = HOSTILE.replace("\\", "\\\\").replace("'", "''")
    execute(
        database.url,
        f"insert into organizations (name) values ('Fjordlys Barnehager'), ('Vik'), (''), (E'{quoted}')",
        f"insert into organization_integrations (org_id, integration_type) values ('{FJORD}', 'telex'), "
        f"('{FJORD}', 'tel;touch x')",
    )
    return made


@pytest.fixture
def complete(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Completes the last of the words."""
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")

    def asked(*words: str, by: str = "bash") -> list[str]:
        with monkeypatch.context() as typed:
            typed.setenv("_SYNKRON_COMPLETE", f"complete_{by}")
            typed.setenv("COMP_WORDS", "\n".join(["synkron", *words]))
            typed.setenv("COMP_CWORD", str(len(words)))
            typed.setenv("_TYPER_COMPLETE_ARGS", " ".join(["synkron", *words]))
            ended = synkron()
        assert (ended.code, ended.err) == (0, "")
        return [line for line in ended.out.splitlines() if line]

    return asked


@pytest.fixture
def on_past(past: Past, monkeypatch: pytest.MonkeyPatch) -> Past:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", past.url)
    return past


def test_types_and_organizations(complete: Complete, synkron: Command, on_past: Past) -> None:
    del on_past
    for words, completed in (
        (["runs", "--type", ""], ["bufdir", "dynamics", "telex", "xledger"]),
        (["next", "--type", "t"], ["telex"]),
        (["probe", "x"], ["xledger"]),
        (["--verbose", "runs", "--org", "fjordl"], ["fjordlys_barnehager"]),
        (["pause", "--org", "FJORDl"], ["FJORDlys_barnehager"]),
        (["runs", "--org", "fjordlys_"], ["fjordlys_barnehager"]),
        (["runs", "--org", '"fjordlys b'], ["fjordlys barnehager"]),
        (["runs", "--org", "fjordv"], [COMPLETED]),
        (["runs", "--org", ""], ["fjord", "fjordlys_barnehager", COMPLETED, "vik"]),
        (["runs", "--org", FJORD[:35]], [FJORD]),
        (["runs", "--org", "barnehager"], []),
    ):
        assert complete(*words) == completed, words
    for name in ("FJORDlys_barnehager", COMPLETED, "vik"):
        assert synkron("runs", "--org", name).code == 0, name


def test_runs(complete: Complete, on_past: Past) -> None:
    states = ("failed", "succeeded", "running")
    failed, done, running = (str(on_past.record(ago, state)) for ago, state in enumerate(states, 1))
    assert complete("runs", "show", "") == [failed, done, running]
    assert complete("runs", "show", done) == [done]
    assert complete("runs", "retry", "") == [failed]
    assert complete("runs", "cancel", "") == [running]
    told = f"xledger Fjord {on_past.hour - HOUR:%Y-%m-%d %H:%M} UTC failed"
    assert complete("runs", "retry", "", by="fish") == [f"{failed}\t{told}"]


def test_nothing_that_a_shell_would_evaluate(complete: Complete, on_past: Past) -> None:
    on_past.record(1, "failed")
    execute(on_past.url, f"update organizations set name = E'{HOSTILE.replace(chr(39), chr(39) * 2)}'")
    for by in ("zsh", "fish", "bash"):
        for words in (["runs", "--org", ""], ["runs", "--type", ""], ["runs", "show", ""]):
            lines = complete(*words, by=by)
            assert lines
            inner = "".join(lines).removeprefix("_arguments '*: :((").removesuffix("))'")
            assert not set("'$`;&*()[]<>|!\\\x1b") & set(inner.replace(r"\\:", "")), (by, words)


@pytest.mark.own_database
@pytest.mark.parametrize("words", [["runs", "--org", "f"], ["runs", "show", "1"], ["runs", "--type", "tel"]])
def test_nothing_is_said_if_nothing_can_be_read(
    complete: Complete, database: Database, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url)
    execute(database.url, "drop table organizations cascade", "drop schema synkron cascade")
    assert complete(*words) == []


def test_nothing_is_said_without_a_database(
    complete: Complete, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """None is set, there is none, its address is wrong, or it does not answer; or the settings are wrong."""
    monkeypatch.setattr(completion, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for url in (None, "postgresql://u:hush@127.0.0.1:1/a", "hush", f"postgresql://u@127.0.0.1:{port}/a"):
            if url is not None:
                monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
            assert complete("runs", "--org", "f") == complete("runs", "show", "") == []
            assert complete("runs", "--type", "x") == ([] if url == "hush" else ["xledger"])
    assert not (tmp_path / "none").exists()
    Path("synkron.toml").write_text("bogus = ")
    assert complete("runs", "--org", "f") == complete("runs", "--type", "x") == []
    Path("other.toml").write_text("[types.fiken]")
    assert complete("--config", "other.toml", "runs", "--type", "f") == ["fiken"]
