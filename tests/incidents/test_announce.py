"""Announcements reach real channels: a webhook's receiver and a mail server, both on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from synkron.errors import SettingsError
from synkron.incidents.channels import Channels, open_channels
from synkron.incidents.conditions.invalid_rows import invalid
from synkron.incidents.message import trial
from synkron.incidents.send import deliver_due, next_wait
from synkron.incidents.store import reconcile
from synkron.model import Fault, InvalidIntegration
from synkron.runtime import wall_clock
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING, FarSide, accept, answering, far_side
from tests.house.pages import blocks, text_of
from tests.support.announcing import ENVIRONMENT, announcements, announcing, mail_server
from tests.support.databases import Database
from tests.support.incident_cast import HOUR, LOOK, MINUTE, NOON, condition


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise sleeps for seconds between two mails, to spare the mail server."""
    monkeypatch.setattr("apprise.plugins.email.base.NotifyEmail.request_rate_per_sec", 0)


@asynccontextmanager
async def hooked(**others: str) -> AsyncIterator[tuple[FarSide, Settings, Channels]]:
    """A webhook's receiver, and the channels: ``hook`` goes there."""
    async with far_side(accept) as there:
        settings = announcing(hook=f"{there.url}/incidents?tenant=7", **others)
        async with open_channels(settings, ENVIRONMENT) as channels:
            yield there, settings, channels


async def test_a_webhook_gets_a_signed_message(connection: Connection) -> None:
    async with hooked() as (there, settings, channels):
        now = wall_clock()
        await reconcile(connection, [condition()], settings, now)
        assert await deliver_due(connection, channels, now) == 1
        assert await deliver_due(connection, channels, now + HOUR) == 0
    [request] = there.requests
    assert request.path == "/incidents?tenant=7"
    assert request.headers["webhook-id"] == "announcement-1"
    message: Any = Webhook(SIGNING).verify(request.body, dict(request.headers))
    assert message["type"] == "incident.opened"
    assert message["timestamp"] == message["data"]["opened_at"]
    assert message["data"]["kind"] == "run_failed"
    assert message["data"]["touches"] == {"org_ids": ["fjord"], "organizations_total": 1, "runs": 2}
    [row] = await announcements(connection)
    assert (row["sent_at"], row["attempts"], row["error"]) == (now, 1, None)


async def test_the_example_of_the_page_has_the_keys_and_checks_the_signature(connection: Connection) -> None:
    [example] = blocks(text_of("docs/incidents.md"), "json")
    [code] = blocks(text_of("docs/incidents.md"), "python")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own
    async with hooked() as (there, settings, channels):
        now = wall_clock()
        await reconcile(connection, [condition()], settings, now)
        await deliver_due(connection, channels, now)
    [request] = there.requests
    sent = names["read_message"](SIGNING, dict(request.headers), request.body)
    assert list(sent) == list(json.loads(example))
    assert list(sent["data"]) == list(json.loads(example)["data"])
    assert names["read_message"](SIGNING, dict(request.headers), request.body + b" ") is None


async def test_a_mail_arrives(connection: Connection) -> None:
    async with mail_server() as mails, hooked(mail=mails.url) as (_, settings, channels):
        await reconcile(connection, [condition()], settings, NOON)
        assert await deliver_due(connection, channels, NOON) == 2
        await reconcile(connection, [], settings, NOON + HOUR)
        assert await deliver_due(connection, channels, NOON + HOUR) == 2
    opened, closed = mails.mails
    assert opened["Subject"] == "[synkron] opened: xledger of Fjord is not as it should be"
    assert opened["To"] == "operations@example.com"
    assert opened["From"] == "synkron@example.com"
    body = opened.get_body(("plain", "html"))
    assert body is not None
    for said in (
        "Something about xledger of Fjord is wrong.",
        "2026-03-02 11:59 UTC",
        "synkron incidents acknowledge 1",
    ):
        assert said in body.get_content()
    assert closed["Subject"].startswith("[synkron] closed: ")


async def test_two_that_deliver_at_once_deliver_each_once(connection: Connection, database: Database) -> None:
    async with mail_server() as mails, hooked(mail=mails.url) as (there, settings, channels):
        await reconcile(connection, [condition(f"number {n}") for n in range(12)], settings, NOON)

        async def deliver() -> int:
            own = await asyncpg.connect(database.url)
            number = 0
            async with open_channels(settings, ENVIRONMENT) as own_channels:
                while done := await deliver_due(own, own_channels, NOON):
                    number += done
            await own.close()
            return number

        delivered = await asyncio.gather(*(deliver() for _ in range(3)))
        assert sum(delivered) == 13
        assert await deliver_due(connection, channels, NOON + HOUR) == 0
    ids = [request.headers["webhook-id"] for request in there.requests]
    assert len(ids) == len(set(ids)) == 12
    [mail] = mails.mails
    assert mail["Subject"].startswith("[synkron] opened: 12 incidents, such as ")
    assert all(row["attempts"] == 1 for row in await announcements(connection))


async def test_what_is_announced_at_one_moment_is_one_mail(connection: Connection) -> None:
    """Thirteen rows that can't run, and later two of them that can; a webhook gets each by itself."""
    faults = [Fault.SCHEDULE] * 6 + [Fault.TYPE] * 3 + [Fault.ZONE] * 4
    rows = [
        InvalidIntegration("o1", f"i{number}", "xledger", f"it is wrong ({number})", fault)
        for number, fault in enumerate(faults)
    ]
    async with mail_server() as mails, hooked(mail=mails.url) as (there, settings, channels):
        mails.refuses = True
        await reconcile(connection, invalid(rows, {"o1": "Fjord"}, NOON), settings, NOON)
        while await deliver_due(connection, channels, NOON):
            pass
        mails.refuses = False
        assert await deliver_due(connection, channels, NOON + MINUTE) == 1
        await reconcile(connection, invalid(rows[2:], {"o1": "Fjord"}, NOON), settings, NOON + HOUR)
        while await deliver_due(connection, channels, NOON + HOUR):
            pass
    opened, closed = mails.mails
    assert opened["Subject"] == "[synkron] opened: 13 rows can't run"
    body = opened.get_body(("plain", "html"))
    assert body is not None
    assert "xledger of Fjord can't run: it is wrong (0)" in body.get_content()
    assert "4 integrations of Fjord can't run: it is wrong (9)" in body.get_content()
    assert "`synkron check` shows all rows that can't run." in body.get_content()
    assert closed["Subject"] == "[synkron] closed: 2 rows can't run"
    assert len(there.requests) == 10 + 2
    assert all(row["sent_at"] for row in await announcements(connection))


async def test_one_that_fails_is_tried_again_later_and_later(connection: Connection) -> None:
    async with hooked() as (there, settings, channels):
        there.answer = answering(503, "down for maintenance")
        await reconcile(connection, [condition()], settings, NOON)
        with capture_logs() as lines:
            assert await deliver_due(connection, channels, NOON) == 1
            assert await deliver_due(connection, channels, NOON + 29 * LOOK / 30) == 0
            assert await deliver_due(connection, channels, NOON + LOOK) == 1
        place = there.url.removeprefix("http://")
        [row] = await announcements(connection)
        assert row["error"] == f"{place} answered HTTP 503 Service Unavailable"
        assert (row["attempts"], row["next_attempt_at"]) == (2, NOON + LOOK + MINUTE)
        assert [(line["event"], line["channel"], line["attempt"]) for line in lines] == [
            ("announcement not delivered", "hook", 1),
            ("announcement not delivered", "hook", 2),
        ]
        there.answer = accept
        assert await deliver_due(connection, channels, NOON + 2 * MINUTE) == 1
    [row] = await announcements(connection)
    assert (row["sent_at"], row["error"], row["attempts"]) == (NOON + 2 * MINUTE, None, 3)
    assert {request.headers["webhook-id"] for request in there.requests} == {"announcement-1"}


def test_the_waits_grow_to_an_hour() -> None:
    waits = [next_wait(attempts) for attempts in (1, 2, 3, 8, 9, 10_000)]
    assert waits == [LOOK, MINUTE, 2 * MINUTE, HOUR, HOUR, HOUR]


async def test_one_channel_that_fails_holds_no_other_up(connection: Connection) -> None:
    async with mail_server() as mails, hooked(mail=mails.url) as (there, settings, channels):
        mails.refuses = True
        await reconcile(connection, [condition()], settings, NOON)
        assert await deliver_due(connection, channels, NOON) == 2
        assert len(there.requests) == 1
        by_channel = {row["channel"]: row for row in await announcements(connection)}
        assert by_channel["hook"]["sent_at"] == NOON
        assert by_channel["mail"]["error"] == "the service refused it or can't be reached"
        mails.refuses = False
        assert await deliver_due(connection, channels, NOON + MINUTE) == 1
    assert len(mails.mails) == 1


async def test_after_a_day_it_is_given_up_and_kept(connection: Connection) -> None:
    async with hooked() as (there, settings, channels):
        there.answer = answering(404)
        await reconcile(connection, [condition()], settings, NOON)
        await deliver_due(connection, channels, NOON + 23 * HOUR)
        [row] = await announcements(connection)
        assert row["given_up_at"] is None
        with capture_logs() as lines:
            await deliver_due(connection, channels, NOON + 25 * HOUR)
        assert lines[-1]["event"] == "announcement given up"
        assert await deliver_due(connection, channels, NOON + 48 * HOUR) == 0
    [row] = await announcements(connection)
    assert (row["given_up_at"], row["sent_at"], row["attempts"]) == (NOON + 25 * HOUR, None, 2)
    assert row["error"].endswith("answered HTTP 404 Not Found")


async def test_the_end_is_told_after_the_beginning(connection: Connection) -> None:
    """However often the beginning had to be tried."""
    async with hooked() as (there, settings, channels):
        there.answer = answering(500)
        await reconcile(connection, [condition()], settings, NOON)
        await deliver_due(connection, channels, NOON)
        there.answer = accept
        await reconcile(connection, [], settings, NOON + 6 * MINUTE)
        at = NOON + 6 * MINUTE
        while await deliver_due(connection, channels, at):
            pass
    types = [json.loads(request.body)["type"] for request in there.requests]
    assert types == ["incident.opened", "incident.opened", "incident.closed"]


async def test_one_that_dies_in_the_middle_is_followed_by_another(connection: Connection, database: Database) -> None:
    """The first is cut off after the receiver has got it, before it could record so."""
    stuck = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        del request
        await stuck.wait()
        return web.Response()

    async with hooked() as (there, settings, channels):
        there.answer = never
        await reconcile(connection, [condition()], settings, NOON)
        dying = await asyncpg.connect(database.url)
        first = asyncio.create_task(deliver_due(dying, channels, NOON))
        await there.reached.wait()
        first.cancel()
        await asyncio.wait({first})
        dying.terminate()
        there.answer = accept
        assert await deliver_due(connection, channels, NOON + MINUTE) == 0
        assert await deliver_due(connection, channels, NOON + 2 * MINUTE) == 1
        stuck.set()
    assert [request.headers["webhook-id"] for request in there.requests] == ["announcement-1"] * 2
    [row] = await announcements(connection)
    assert (row["attempts"], row["sent_at"]) == (2, NOON + 2 * MINUTE)


async def test_no_transaction_is_open_while_it_is_sent(connection: Connection, database: Database) -> None:
    other = await asyncpg.connect(database.url)
    seen: list[Any] = []

    async def look(request: web.Request) -> web.Response:
        del request
        seen.append(
            await other.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
                "and state like 'idle in transaction%'"
            )
        )
        return web.Response()

    async with hooked() as (there, settings, channels):
        there.answer = look
        await reconcile(connection, [condition()], settings, NOON)
        await deliver_due(connection, channels, NOON)
    assert seen == [0]
    await other.close()


async def test_a_channel_that_was_taken_out_is_given_up(connection: Connection) -> None:
    """Not at once: a process with older settings must not give up what is meant for a new channel."""
    async with hooked() as (_, settings, channels):
        await reconcile(connection, [condition()], announcing(gone="json://127.0.0.1:9"), NOON)
        assert await deliver_due(connection, channels, NOON + HOUR) == 0
        [row] = await announcements(connection)
        assert row["given_up_at"] is None
        assert await deliver_due(connection, channels, NOON + HOUR + MINUTE) == 0
        del settings
    [row] = await announcements(connection)
    assert row["given_up_at"] == NOON + HOUR + MINUTE
    assert row["error"] == "the channel gone is no longer in the settings"


async def test_one_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.incidents.channels.LONGEST", timedelta(milliseconds=50))

    async def never(request: web.Request) -> web.Response:
        del request
        await asyncio.Event().wait()
        raise AssertionError

    async with hooked() as (there, _, channels):
        there.answer = never
        assert await channels.send("hook", trial("1", NOON)) == "not finished within 0.05 s"


async def test_a_mail_that_hangs_lets_the_next_one_wait_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can stop a thread: while one hangs, the channel says so instead of starting more."""
    monkeypatch.setattr("synkron.incidents.channels.LONGEST", timedelta(milliseconds=50))
    reached = asyncio.Event()
    hung: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        hung.append(writer)
        reached.set()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"mailto://127.0.0.1:{port}?from=a@example.com&to=b@example.com&smtp=127.0.0.1"
    async with open_channels(announcing(mail=url), ENVIRONMENT) as channels:
        assert await channels.send("mail", trial("1", NOON)) == "not finished within 0.05 s"
        await reached.wait()
        assert await channels.send("mail", trial("2", NOON)) == "an earlier message is still being sent"
    for writer in hung:
        writer.close()
    server.close()


async def test_redirects_are_not_followed() -> None:
    async with hooked() as (there, _, channels):
        there.answer = answering(307, Location=f"{there.url}/elsewhere")
        error = await channels.send("hook", trial("1", NOON))
    assert error is not None
    assert error.endswith("answered HTTP 307 Temporary Redirect; redirects are not followed")
    assert len(there.requests) == 1


async def test_all_faults_of_the_channels_are_told_at_once() -> None:
    settings = Settings(
        announce={
            "channels": {
                "chat": "no-such-service://T0KEN/pl4nted",
                "mail": "env:NO_SUCH",
                "pager": "mailto://",
                "hook": {"webhook": "https://u:pl4nted@example.com/x", "secret": "env:BAD"},
            }
        }
    )
    with pytest.raises(SettingsError) as refused:
        async with open_channels(settings, {"BAD": "pl4nted"}):
            pass
    assert [fault.split(": ")[0] for fault in refused.value.faults] == [
        "announce.channels.chat",
        "announce.channels.mail",
        "announce.channels.pager",
        "announce.channels.hook.webhook",
        "announce.channels.hook.secret",
    ]
    assert "pl4nted" not in str(refused.value)
    assert "T0KEN" not in str(refused.value)


async def test_a_channel_s_url_may_stand_in_a_file(tmp_path: Any) -> None:
    async with mail_server() as mails:
        (tmp_path / "url").write_text(f"{mails.url}\n", "utf-8")
        async with open_channels(announcing(mail=f"file:{tmp_path / 'url'}"), {}) as channels:
            assert await channels.send("mail", trial("1", NOON)) is None
    [mail] = mails.mails
    assert mail["Subject"] == "[synkron] test: announcements arrive here"
