"""`announce test`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.cli.conftest import Command
from tests.delivery.targets.far_side import SIGNING


@dataclass
class Receiver:
    """What a receiver in a thread of its own was sent; it answers with ``status``."""

    url: str = ""
    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens until the end of the block; the command's own event loop is not its."""
    receiver = Receiver()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((dict(self.headers.items()), content))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is called
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver, and settings with two channels to it: ``hook``, and ``chat`` by an Apprise URL with a password."""
    del synkron  # which changes into the folder
    monkeypatch.setenv("SIGNING", SIGNING)
    with receiving() as there:
        host = there.url.removeprefix("http://")
        monkeypatch.setenv("CHAT", f"json://robot:pl4nted-password@{host}/pl4nted-token")
        Path("synkron.toml").write_text(
            "[announce.channels]\n"
            f'hook = {{ webhook = "{there.url}/pl4nted-path", secret = "env:SIGNING" }}\n'
            'chat = "env:CHAT"\n',
            "utf-8",
        )
        yield there


def test_each_channel_gets_a_message(synkron: Command, receiver: Receiver) -> None:
    ended = synkron("announce", "test")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split() for line in ended.out.splitlines()] == [
        ["channel", "kind", "result"],
        ["hook", "webhook", "delivered"],
        ["chat", "apprise", "delivered"],
    ]
    assert len(receiver.requests) == 2
    [(headers, content)] = [one for one in receiver.requests if "webhook-id" in one[0]]
    message: Any = Webhook(SIGNING).verify(content, headers)
    assert (message["type"], message["data"]) == ("announce.test", {})
    [chat] = [json.loads(content) for headers, content in receiver.requests if "webhook-id" not in headers]
    assert chat["title"] == "[synkron] test: announcements arrive here"


def test_one_of_them(synkron: Command, receiver: Receiver) -> None:
    ended = synkron("announce", "test", "--channel", "hook", "--json")
    assert ended.answer == [{"channel": "hook", "kind": "webhook", "delivered": True, "error": None}]
    assert len(receiver.requests) == 1


def test_what_failed_is_said_and_no_secret_is(synkron: Command, receiver: Receiver) -> None:
    receiver.status = 403
    ended = synkron("--verbose", "announce", "test")
    assert ended.code == 1
    host = receiver.url.removeprefix("http://")
    assert ended.out.splitlines()[1:] == [
        f"hook     webhook  {host} answered HTTP 403 Forbidden",
        "chat     apprise  the service refused it or can't be reached (HTTP 403 Forbidden)",
    ]
    assert "pl4nted" not in ended.out + ended.err


def test_a_channel_that_there_is_not(synkron: Command, receiver: Receiver) -> None:
    ended = synkron("announce", "test", "--channel", "pager")
    assert (ended.code, ended.out) == (4, "")
    assert 'There is no channel "pager". The settings know hook, chat.' in ended.err
    assert receiver.requests == []


def test_there_are_no_channels(synkron: Command) -> None:
    ended = synkron("announce", "test")
    assert (ended.code, ended.out) == (0, "")
    assert "incidents go to the log alone" in ended.err
    assert synkron("announce", "test", "--json").answer == []


def test_faulty_channels_are_all_told_and_not_shown(synkron: Command) -> None:
    Path("synkron.toml").write_text(
        "[announce.channels]\n"
        'chat = "no-such-service://pl4nted/token"\n'
        'hook = { webhook = "https://example.com/pl4nted", secret = "env:NO_SUCH" }\n',
        "utf-8",
    )
    ended = synkron("--verbose", "announce", "test")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: announce.channels.chat: Apprise does not know this URL")
    assert lines[1].startswith("error: announce.channels.hook.secret: the environment variable NO_SUCH is not set")
    assert "pl4nted" not in ended.err


def test_the_command_stays_quick_where_nobody_asks_for_apprise(synkron: Command) -> None:
    import subprocess
    import sys

    ended = synkron("announce", "--help")
    assert ended.code == 0
    code = "import sys; import synkron.cli; sys.exit('apprise' in sys.modules or 'aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
