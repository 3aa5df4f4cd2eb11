"""Log lines go to stderr in one format, our own and those of other packages; a fault of ours is told in a sentence."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections import deque
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from synkron.cli import logs
from synkron.cli.context import Invocation
from synkron.cli.output import say
from synkron.runtime import sleep
from synkron.service import serve as service
from synkron.service.parts import Role
from synkron.service.serve import serve
from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.hostile import HOSTILE, SPELT, dangerous_in, hostile_texts


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


FORMATS = ["json", "console"]
PASSWORD = "pl4nted p@ss/word%"
ADDRESS = f"postgresql://synkron:{quote(PASSWORD, safe='')}@db.example.com/app"
SETTINGS = f"""
database_url = "{ADDRESS}"
heartbeat_url = "https://hc.example.com/pl4nted-0123456789ab"
[types.xledger]
target = "https://example.com/sync?code=pl4nted-code"
secret = "env:SIGNING"
headers = {{ Authorization = "env:BEARER", X-Key = "pl4nted-literal" }}
health = {{ url = "https://example.com/status/pl4nted-0123456789", headers = {{ X-Probe = "file:probe" }} }}
[types.dynamics.health.token]
url = "https://login.example.com/token?tenant=pl4nted-tenant"
client_id = "synkron"
client_secret = "env:CLIENT"
[announce.channels]
mail = "env:MAIL"
chat = "slack://T1pl4nted1/B2pl4nted2/pl4ntedpl4ntedpl4nted"
hook = {{ webhook = "https://example.com/pl4nted-path", secret = "env:SIGNING" }}
"""
ENVIRONMENT = {
    "SIGNING": "whsec_UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZFBsYW50",
    "BEARER": "Bearer pl4nted-bearer",
    "CLIENT": "pl4nted-client",
    "MAIL": "mailto://user:pl4nted-mail@example.com?to=somebody@example.com",
    "PGPASSWORD": "pl4nted-variable",
}
PLANTED = ["pl4nted", "UGxhbnRlZFBsYW50ZWRQbGFudGVk"]


def _fail(secret: str) -> NoReturn:
    """Fails with what must not be shown in a variable of each frame, and in what is said."""
    held = {"password": secret}
    try:
        _refuse(held["password"])
    except ConnectionError as error:
        error.add_note(f"note: {secret}")
        raise ValueError(f"invalid dsn: {secret}") from error


def _refuse(said: str) -> NoReturn:
    raise ConnectionError(f"can't connect to {said!r}")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Settings with a secret in each place where one may stand, read as a command reads them; every secret."""
    (tmp_path / "probe").write_text("pl4nted-probe", "utf-8")
    (tmp_path / "synkron.toml").write_text(SETTINGS, "utf-8")
    monkeypatch.chdir(tmp_path)
    return [
        ADDRESS,
        PASSWORD,
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        "pl4nted-0123456789ab",
        "code=pl4nted-code",
        "pl4nted-literal",
        "/status/pl4nted-0123456789",
        "pl4nted-probe",
        "pl4nted-tenant",
        "slack://T1pl4nted1/B2pl4nted2/pl4ntedpl4ntedpl4nted",
        "example.com/pl4nted-path",
        *ENVIRONMENT.values(),
    ]


@pytest.mark.parametrize("chosen", FORMATS)
def test_no_secret_in_any_line(planted: list[str], chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever logs, in the words of an exception, in its notes, in a value, or in what a frame held."""
    Invocation(None, True, {"SYNKRON_LOG_FORMAT": chosen, **ENVIRONMENT}).settings()
    for secret in planted:
        for logger in (structlog.get_logger("synkron"), *map(logging.getLogger, ("aiohttp", "asyncio", "pgqueuer"))):
            try:
                _fail(secret)
            except ValueError:
                logger.exception("it failed")
            logger.warning(
                f"of {secret}", extra={"reason": secret, "more": {secret: [secret]}, "error": Secret(secret)}
            )
        say(f"error: {secret}")
    err = capsys.readouterr().err
    assert err.count("ValueError: invalid dsn: ") == 4 * len(planted)
    for text in PLANTED:
        assert text not in err
    # A password is no less one for being quoted as an address demands.
    assert "p@ss" not in err
    assert "p%40ss" not in err


@dataclass
class Secret:
    """Something that shows what it holds."""

    value: str


@pytest.mark.parametrize("chosen", FORMATS)
def test_what_nobody_catches_is_a_line_without_what_its_frames_held(
    chosen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the main thread, in another, in an event loop's callback, in a destructor; and what Python warns of."""
    logs.set_up(verbose=False, environment={"SYNKRON_LOG_FORMAT": chosen})
    secret = "pl4" + "nted"
    try:
        _fail_quietly(secret)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    thread = threading.Thread(target=_fail_quietly, args=[secret])
    thread.start()
    thread.join()

    async def fail_in_callbacks() -> None:
        asyncio.get_running_loop().call_soon(_fail_quietly, secret)
        await asyncio.wait({asyncio.create_task(sleep(0, asyncio.Event()))})

    asyncio.run(fail_in_callbacks())
    Destroyed(secret)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated \x1b[2J", DeprecationWarning, stacklevel=1)
    err = capsys.readouterr().err
    assert err.count("ValueError: it can't be done") == 4
    assert err.count("uncaught exception") == 3
    assert "deprecated" in err
    assert secret not in err
    assert dangerous_in(err, but="\n") == []
    if chosen == "json":
        assert {json.loads(line)["level"] for line in err.splitlines()} == {"error", "warning"}


LOOPS = (
    "keep_reporting",
    "keep_ticking",
    "keep_warming_up",
    "keep_watching",
    "keep_incidents",
    "keep_verifying",
    "keep_announcing",
    "keep_working",
)


@pytest.mark.parametrize("chosen", FORMATS)
async def test_an_exception_in_every_loop_of_the_service(
    chosen: str, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the password in its words, and in what its frames hold."""
    url = database.url.replace("synkron@", f"synkron:{quote(PASSWORD, safe='')}@", 1)
    monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
    settings = Invocation(None, True, {"SYNKRON_LOG_FORMAT": chosen}).settings()

    async def break_down(*given: object) -> NoReturn:
        _fail(f"{len(given)} of {url}, {PASSWORD}")

    for name in LOOPS:
        monkeypatch.setattr(service, name, break_down)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(url, settings, [Role.SCHEDULER, Role.WORKER], stop, {}))
    err = ""
    async with asyncio.timeout(60):
        while err.count("ValueError: invalid dsn") < len(LOOPS):
            err += capsys.readouterr().err
            assert not serving.done()
            await sleep(0.05, stop)
    stop.set()
    await serving
    err += capsys.readouterr().err
    assert err.count("Traceback") >= 2 * len(LOOPS)
    for text in ("pl4nted", "p@ss", "p%40ss", "word%"):
        assert text not in err


def _fail_quietly(secret: str) -> NoReturn:
    """Says nothing of what it holds."""
    held = secret
    del secret
    raise ValueError("it can't be done" if held else "")


class Destroyed:
    """Fails when it goes."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __del__(self) -> None:
        _fail_quietly(self._secret)


@pytest.mark.parametrize("chosen", FORMATS)
@given(hostile_texts(), hostile_texts())
def test_nothing_drives_the_terminal(chosen: str, text: str, other: str) -> None:
    with redirect_stderr(StringIO()) as written:
        logs.set_up(verbose=False, environment={"SYNKRON_LOG_FORMAT": chosen})
        log = structlog.get_logger("synkron")
        log.warning(text, reason=other, found={text: other}, bound=[text])
        logging.getLogger("aiohttp.server").warning(text, extra={"peer": other})
        try:
            _refuse(text)
        except ConnectionError:
            log.exception(other)
    shown = written.getvalue()
    assert dangerous_in(shown, but="\n") == []
    if chosen == "json":
        ours, theirs, _ = map(json.loads, shown.splitlines())
        assert (ours["event"], ours["reason"], ours["found"], theirs["event"]) == (text, other, {text: other}, text)
    else:
        lines = shown.splitlines()
        assert len([line for line in lines if not line.startswith("    ")]) == 3


def test_kept_lines_drive_nothing() -> None:
    kept: deque[str] = deque(maxlen=2)
    logs.keep(kept)
    structlog.get_logger("synkron").warning(f"of {HOSTILE}", reason=HOSTILE * 100)
    assert dangerous_in(kept[0]) == []
    assert SPELT in kept[0]
    assert len(kept[0]) <= 500


@pytest.mark.parametrize("chosen", FORMATS)
@given(st.text(min_size=1, max_size=5), st.integers(1, 40_000), st.integers(0, 300))
def test_a_line_has_at_most_8_kb(chosen: str, text: str, times: int, more: int) -> None:
    with redirect_stderr(StringIO()) as written:
        logs.set_up(verbose=False, environment={"SYNKRON_LOG_FORMAT": chosen})
        log = structlog.get_logger("synkron")
        try:
            _refuse(text * times)
        except ConnectionError:
            log.exception(text * times, reason=[text * times], **{f"key {number}": text for number in range(more)})
    line = written.getvalue()
    assert len(line.encode()) <= 8 * 1024
    if chosen == "json":
        assert json.loads(line)["level"] == "error"


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_long_traceback_keeps_its_ends(chosen: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False, environment={"SYNKRON_LOG_FORMAT": chosen})
    try:
        _deep(150)
    except ValueError:
        structlog.get_logger("synkron").exception("it failed", run_id=7)
    err = capsys.readouterr().err
    for part in (
        "it failed",
        "Traceback (most recent call last)",
        "characters are left out here",
        "ValueError: at last",
    ):
        assert part in err
    assert "return _even(depth - 1)" in err


def _deep(depth: int) -> None:
    if depth == 0:
        raise ValueError("at last")
    return _even(depth - 1)


def _even(depth: int) -> None:
    return _deep(depth)


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_line_that_cannot_be_written_does_not_show_what_it_held(
    chosen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(verbose=False, environment={"SYNKRON_LOG_FORMAT": chosen})
    logging.getLogger("somebody.elses").warning("%d of them", "pl4nted")
    err = capsys.readouterr().err
    assert "a line of somebody.elses is lost (TypeError)" in err
    assert "pl4nted" not in err
    assert len(err.splitlines()) == 1


def test_a_fault_of_our_own(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise KeyError(text)

    monkeypatch.setattr("synkron.cron.parse", broken)
    ended = synkron("explain", "* * * * *")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: this is a fault in Synkron itself (KeyError: '* * * * *')")
    assert len(ended.err.splitlines()) == 1
    told = synkron("--verbose", "explain", "* * * * *")
    assert told.code == 1
    assert told.err.startswith("Traceback (most recent call last):\n")
    assert told.err.splitlines()[-1] == ended.err.strip()
