"""Log lines go to stderr in one format, our own and those of other packages; a fault of ours is told in a sentence."""

from __future__ import annotations

import json
import logging
from collections import deque

import pytest
import structlog

from synkron.cli import logs
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def _untouched(untouched_logging: None) -> None:
    del untouched_logging


def _log_everywhere() -> None:
    ours = structlog.get_logger("synkron")
    ours.debug("ours, in detail")
    ours.warning("integration left out", org_id="fjord", reason='cron_schedule "99": no\x1b[31m')
    for name in ("pgqueuer", "asyncio"):
        logging.getLogger(name).info("theirs, told")
        logging.getLogger(name).warning("theirs, warned of %s", "this")


def test_json_lines_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False, environment={})
    _log_everywhere()
    out, err = capsys.readouterr()
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines] == ["integration left out", *["theirs, warned of this"] * 2]
    assert (lines[0]["org_id"], lines[0]["level"]) == ("fjord", "warning")
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_lines_for_people_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=True, environment={"SYNKRON_LOG_FORMAT": "console"})
    _log_everywhere()
    err = capsys.readouterr().err
    assert [part in err for part in ("ours, in detail", "org_id=fjord", "theirs, told", "theirs, warned of this")] == [
        True
    ] * 4
    assert "\x1b" not in err


def test_kept_lines_are_brief(capsys: pytest.CaptureFixture[str]) -> None:
    kept: deque[str] = deque(maxlen=2)
    logs.keep(kept)
    _log_everywhere()
    structlog.get_logger("synkron").warning("run will be retried", run_id=9, org_id="fjord", error="HTTP 503")
    assert capsys.readouterr().err == ""
    assert [line.partition(" ")[2] for line in kept] == [
        "theirs, warned of this",
        "run will be retried (run 9): HTTP 503",
    ]


def test_a_fault_of_our_own(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise KeyError(text)

    monkeypatch.setattr("synkron.cron.parse", broken)
    ended = synkron("explain", "* * * * *")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: this is a fault in Synkron itself (KeyError: '* * * * *')")
    assert len(ended.err.splitlines()) == 1
    with pytest.raises(KeyError):
        synkron("--verbose", "explain", "* * * * *")
