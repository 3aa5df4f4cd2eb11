"""Secrets planted in channels and in the ping's URL appear in no log line, row, error, repr or output."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from pydantic import SecretStr

from synkron.errors import SettingsError
from synkron.incidents.channels import open_channels
from synkron.incidents.send import deliver_due
from synkron.incidents.store import reconcile
from synkron.service.heartbeat import open_dead_man
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.delivery.targets.far_side import Answer, FarSide, far_side, raw_far_side
from tests.support.announcing import announcements, idle, mail_server
from tests.support.incident_cast import NOON, condition

PASSWORD = "pl4nted pass/w0rd"
TOKEN = "pl4nted-t0ken-in-the-path"
QUERY = "pl4nted+c0de"
SIGNING = "whsec_UGxhbnRlZFBsYW50ZWRQbGFudGVkUGxhbnRlZFBsYW50"
BEAT = "5f0c9a0e-pl4nted-beat"
PLANTED = [
    PASSWORD,
    quote(PASSWORD, safe=""),
    PASSWORD.replace(" ", "%20"),
    TOKEN,
    QUERY,
    quote(QUERY, safe=""),
    SIGNING.removeprefix("whsec_"),
    BEAT,
    "pl4nted",
]


def assert_clean(*texts: object) -> None:
    for text in texts:
        for planted in PLANTED:
            assert planted not in str(text)
            assert planted not in repr(text)


def echoing(status: int) -> Answer:
    """A far side that shows all that it was sent."""

    async def echo(request: web.Request) -> web.Response:
        text = f"{request.path_qs} {dict(request.headers)} {SIGNING} {PASSWORD}"
        return web.Response(status=status, text=text, reason=f"Not {TOKEN}", headers={"Location": f"/{TOKEN}/there"})

    return echo


@asynccontextmanager
async def planted(status: int) -> AsyncIterator[tuple[FarSide, Settings, dict[str, str]]]:
    """A webhook and an Apprise channel of each shape, all with secrets, at a far side that answers so."""
    async with far_side(echoing(status)) as there, mail_server() as mails:
        mails.refuses = status >= 300
        host = there.url.removeprefix("http://")
        secret = quote(PASSWORD, safe="")
        mail = f"mailto://robot:{secret}@127.0.0.1:{mails.port}?from=a@example.com&to=b@example.com&smtp=127.0.0.1"
        chat = f"json://robot:{secret}@{host}/{TOKEN}?-code={quote(QUERY, safe='')}"
        channels = {
            "hook": {"webhook": f"{there.url}/{TOKEN}?code={QUERY}", "secret": "env:SIGNING"},
            "mail": mail,
            "chat": "env:CHAT",
            "form": f"form://robot:{secret}@{host}/{TOKEN}",
            "nobody": f"json://robot:{secret}@127.0.0.1:9/{TOKEN}",
        }
        yield there, Settings(announce={"channels": channels}), {"SIGNING": SIGNING, "CHAT": chat}


@pytest.mark.parametrize("status", [200, 307, 403, 500])
async def test_channels(
    status: int, connection: Connection, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(1)
    async with planted(status) as (there, settings, environment):
        async with open_channels(settings, environment) as channels:
            await reconcile(connection, [condition()], settings, NOON)
            assert await deliver_due(connection, channels, NOON) == 5
            assert_clean(channels, *channels.by_name.values(), *map(vars, channels.by_name.values()))
        assert len(there.requests) >= 3
        assert_clean(settings)
    rows = {row["channel"]: row for row in await announcements(connection)}
    failing = {name for name, row in rows.items() if row["error"]}
    assert failing == ({"nobody"} if status < 300 else {"hook", "mail", "chat", "form", "nobody"})
    assert_clean(*(dict(row) for row in rows.values()))
    assert_clean(caplog.text, *caplog.records, *capfd.readouterr())


async def test_an_answer_that_is_none(connection: Connection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    async with raw_far_side(f"HTTP/1.1 {TOKEN} {PASSWORD}\r\n\r\n".encode()) as url:
        host = url.removeprefix("http://")
        written = {
            "hook": {"webhook": f"{url}/{TOKEN}", "secret": "env:SIGNING"},
            "chat": f"json://robot:{quote(PASSWORD, safe='')}@{host}/{TOKEN}",
        }
        settings = Settings(announce={"channels": written})
        async with open_channels(settings, {"SIGNING": SIGNING}) as channels:
            await reconcile(connection, [condition()], settings, NOON)
            assert await deliver_due(connection, channels, NOON) == 2
    rows = await announcements(connection)
    assert all(row["error"] for row in rows)
    assert_clean(*(dict(row) for row in rows), caplog.text)


@pytest.mark.parametrize(
    "written",
    [
        f"no-such://{TOKEN}",
        f"slack://{TOKEN}",
        f"mailto://robot:{quote(PASSWORD, safe='')}@",
        TOKEN,
        f"json://[{TOKEN}",
        f"{TOKEN}://" + "x" * 5000,
        "env:PLANTED",
        {"webhook": f"https://robot:{TOKEN}@example.com/{TOKEN}", "secret": "env:SIGNING"},
        {"webhook": f"https://[{TOKEN}", "secret": "env:SIGNING"},
        {"webhook": f"https://example.com/{TOKEN}", "secret": "env:PLANTED"},
    ],
)
async def test_faults(written: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(1)
    settings = Settings(announce={"channels": {"one": written}})
    with pytest.raises(SettingsError) as refused:
        async with open_channels(settings, {"SIGNING": SIGNING, "PLANTED": TOKEN}):
            pass
    assert_clean(refused.value, *refused.value.faults, caplog.text, *capfd.readouterr())


@pytest.mark.parametrize("status", [200, 302, 500])
async def test_the_ping(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    async with far_side(echoing(status)) as there:
        for url in (f"{there.url}/{BEAT}?key={TOKEN}", f"http://127.0.0.1:9/{BEAT}"):
            async with open_dead_man(SecretStr(url), lambda: 0.0, failure=SecretStr(f"{url}/fail")) as dead_man:
                dead_man.succeeded()
                await idle(dead_man)
                dead_man.failed()
                await idle(dead_man)
                assert_clean(dead_man)
    assert there.requests
    assert_clean(caplog.text, *caplog.records)


async def test_a_service_that_raises_what_it_knows(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever its own code raises stays in the thread."""
    from synkron.incidents.message import trial

    caplog.set_level(logging.DEBUG)
    async with planted(200) as (_, settings, environment), open_channels(settings, environment) as channels:
        service: Any = channels.by_name["mail"]

        def leak(message: object) -> None:
            raise ValueError(PASSWORD, message)

        service._refusal = leak
        error = await channels.send("mail", trial("1", NOON))
        await asyncio.to_thread(lambda: None)
    assert error == "ValueError in the service's own code"
    assert_clean(caplog.text)


async def test_the_program_s_own_use_of_the_same_libraries_is_logged_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from synkron.incidents.message import trial

    caplog.set_level(logging.DEBUG)
    theirs = ("apprise", "urllib3.connectionpool", "requests.sessions")
    before = [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in theirs]
    async with planted(200) as (_, settings, environment), open_channels(settings, environment) as channels:
        assert await channels.send("chat", trial("1", NOON)) is None
        assert [record.name for record in caplog.records if record.name.startswith(theirs)] == []
        for name in theirs:
            logging.getLogger(name).debug("a line of the program's own: error=403")
    assert [record.name for record in caplog.records if record.name.startswith(theirs)] == list(theirs)
    assert [(logging.getLogger(name).level, logging.getLogger(name).propagate) for name in theirs] == before
