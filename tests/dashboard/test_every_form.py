"""Every form of every page: nobody but a page of the same session may send it, and sent twice it acts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from http.cookies import SimpleCookie

import pytest

from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from synkron.operations.audit import entries
from synkron.service.api.application import api as made
from synkron.service.api.application import routes_in
from synkron.service.api.cookies import form_token
from synkron.service.dashboard.actions import ACTIONS
from synkron.service.dashboard.flash import FLASH, Flash, read_flash
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING
from tests.support.api import Api, serving
from tests.support.changes import HOUR, SETTINGS, SIGNED, WHY, Cast, Own, everything, filled, make_cast
from tests.support.databases import Database

PAGE = {"Accept": "text/html"}
OWN = {"Sec-Fetch-Site": "same-origin"}
ELSEWHERE: list[dict[str, str]] = [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}, {}]
# Those of who has no session yet, or needs none: they are told apart by where they come from alone.
OPEN = {"/login", "/login/link", "/preferences"}


@pytest.fixture
async def people(connection: Connection) -> Cast:
    return await make_cast(connection)


@pytest.fixture
async def browser_of(database: Database) -> AsyncIterator[Api]:
    async with serving(database, SETTINGS, environment={"SIGNING": SIGNING}) as there:
        yield there


async def session_of(connection: Connection, name: str) -> str:
    found = await sessions.log_in_by_oidc(connection, name, Permission.ADMIN, None)
    assert found is not None
    return found[1]


def forms(own: Own) -> Iterator[str]:
    """Whatever can be posted in a session."""
    for route in routes_in(made().routes):
        if "POST" in (route.methods or ()) and route.path not in SIGNED:
            for name in ACTIONS if "{name}" in route.path else ("",):
                yield filled(route.path.replace("{name}", name), own)


async def test_only_a_page_of_the_same_session_may_send_it(
    browser_of: Api, connection: Connection, people: Cast
) -> None:
    session, other = await session_of(connection, "kari"), await session_of(connection, "ola")
    right = {"form_token": form_token(session)}
    before, paths = await everything(connection), list(forms(people.fjord))
    assert len(paths) > 25
    for path in paths:
        tried: list[tuple[dict[str, str], dict[str, str]]] = [(right, site) for site in ELSEWHERE]
        if path not in OPEN:
            tried += [({}, OWN), ({"form_token": "x"}, OWN), ({"form_token": form_token(other)}, OWN)]
            tried += [({}, OWN | {"X-Form-Token": form_token(other)})]
        for fields, headers in tried:
            sent = PAGE | headers | {"Cookie": f"synkron-session={session}"}
            answer = await browser_of.ask("POST", path, data=fields, headers=sent, allow_redirects=False)
            assert answer.status == 403, (path, fields, headers)
            assert "Set-Cookie" not in answer.headers, path
    assert await everything(connection) == before
    assert len(await sessions.actors_of(connection, [session, other])) == 2


# What is sent for each action: on people of its own where one would be in another's way.
def fields_of(people: Cast) -> dict[str, dict[str, str]]:
    fjord, vik = people.fjord, people.vik
    return {
        "trigger": {"integration": fjord.free, "reason": WHY},
        "backfill": {
            "integration": fjord.free,
            "from": written(people.hour - 6 * HOUR),
            "to": written(people.hour - 3 * HOUR),
        },
        "retry": {"run": str(fjord.failed)},
        "cancel": {"run": str(fjord.claimed), "reason": WHY},
        "acknowledge": {"incident": str(fjord.incident)},
        "silence": {"incident": str(vik.incident), "for": "1h", "reason": WHY},
        "unsilence": {"silence": str(fjord.silence)},
        "resume": {"integration": fjord.paused},
        "pause": {"integration": vik.free, "for": "1h", "reason": WHY},
        "try_channel": {"channel": "hook"},
    }


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


async def test_a_link_back_leads_to_a_page_of_the_dashboard(browser_of: Api, connection: Connection) -> None:
    headers = PAGE | {"Cookie": f"synkron-session={await session_of(connection, 'kari')}"}
    for back in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
    ):
        shown = await browser_of.ask("GET", "/act/pause", params={"type": "xledger", "back": back}, headers=headers)
        assert (shown.status, shown.text.count(back)) == (200, 0), back
    shown = await browser_of.ask("GET", "/act/pause", params={"type": "xledger", "back": "/runs"}, headers=headers)
    assert 'href="/runs" data-close' in shown.text


async def test_what_the_address_of_a_form_says_is_not_left_out(
    browser_of: Api, connection: Connection, people: Cast
) -> None:
    """It would be taken for one that counts, such as the end of a pause."""
    session = await session_of(connection, "kari")
    before = await everything(connection)
    headers = PAGE | OWN | {"Cookie": f"synkron-session={session}"}
    for name, fields in fields_of(people).items():
        sent = fields | {"form_token": form_token(session)}
        answer = await browser_of.ask("POST", f"/act/{name}?for=1h", data=sent, headers=headers, allow_redirects=False)
        assert answer.status == 422, name
    assert await everything(connection) == before


async def test_sent_twice_it_acts_once(browser_of: Api, connection: Connection, people: Cast) -> None:
    """Two at the same time, one later, and one whose fields were changed."""
    session = await session_of(connection, "kari")
    headers = PAGE | OWN | {"Cookie": f"synkron-session={session}"}
    fields = fields_of(people)
    assert fields.keys() == ACTIONS.keys()

    async def send(name: str, **more: str) -> Flash | None:
        sent = fields[name] | {"form_token": form_token(session), "key": f"key of {name}".replace(" ", "-")} | more
        answer = await browser_of.ask("POST", f"/act/{name}", data=sent, headers=headers, allow_redirects=False)
        assert answer.status == 303, (name, answer.text)
        [cookie] = [one for one in SimpleCookie(answer.headers["Set-Cookie"]).values() if one.key == FLASH]
        return read_flash(cookie.value)

    for name in fields:
        start = len(await entries(connection))
        first, second = await asyncio.gather(send(name), send(name))
        assert first is not None
        assert first.is_refusal is (name == "try_channel"), (name, first)
        assert [second, await send(name)] == [first, first]
        changed = await send(name, back="/runs")
        assert changed is not None
        assert changed.is_refusal
        found = await entries(connection)
        assert [one.author for one in found[: len(found) - start]] == ["person:kari"], name
