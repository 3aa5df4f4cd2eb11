"""Pauses in the dashboard: of an integration, an organization and a type, seen where they hold, ended one by one."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from playwright.async_api import Locator, expect

from synkron.operations.access.actor import Permission
from synkron.scheduler.pauses import NOT_GIVEN
from synkron.service.overview.refresh import refresh
from tests.conftest import Connection
from tests.dashboard.conftest import Dashboard
from tests.service.api.cast import Member
from tests.support.api import SETTINGS, Api, token_of
from tests.support.browser import Window, needs_browser
from tests.support.fleet import add_integration, add_organization

PAGE = {"Accept": "text/html"}
PAUSE = (
    "insert into synkron.pauses (org_id, integration_type, integration_id, reason, author) "
    "values ($1, $2, $3, 'moving', 'kari') returning id"
)


@needs_browser
async def test_an_organization_is_paused_and_resumed(dashboard: Dashboard, cast: list[Member]) -> None:
    mine, other = cast[0], cast[1]
    seen = await dashboard.window()
    await seen.open(f"/o/{mine.org_id}")
    await seen.page.get_by_role("link", name="Pause the organization").click()
    sheet = seen.page.get_by_role("dialog", name="Pause")
    await expect(sheet).to_contain_text("Whole organization")
    await sheet.get_by_label("Reason").fill("their audit")
    await sheet.get_by_role("button", name="Pause").click()
    await expect(seen.page.get_by_role("status").last).to_contain_text("is paused.")
    await expect(seen.page.get_by_role("link", name="Pause the organization")).to_have_count(0)
    # It is seen wherever it holds, and nowhere else.
    for path, is_held in (
        (f"/o/{mine.org_id}", True),
        (f"/integrations/{mine.integrations[0]}", True),
        ("/pauses", True),
        (f"/pauses?org={mine.org_id}", True),
        (f"/pauses?org={other.org_id}", False),
        (f"/o/{other.org_id}", False),
        (f"/integrations/{other.integrations[0]}", False),
    ):
        await seen.open(path)
        await expect(seen.page.get_by_role("row", name="their audit")).to_have_count(int(is_held))
    await seen.open(f"/?q={mine.integrations[0]}")
    await expect(seen.page.locator(f"tr[data-row='{mine.integrations[0]}']")).to_contain_text("paused")
    # The integration itself may be paused beside it, and each pause is ended alone.
    await seen.open(f"/integrations/{mine.integrations[0]}")
    await seen.page.get_by_role("link", name="Pause", exact=True).click()
    await seen.page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    await expect(rows(seen)).to_have_count(2)
    await expect(seen.page.get_by_role("link", name="Pause", exact=True)).to_have_count(0)
    await seen.page.get_by_role("row", name="their audit").get_by_role("link", name="Resume").click()
    sheet = seen.page.get_by_role("dialog", name="Resume")
    await expect(sheet).to_contain_text("their audit")
    await expect(sheet).to_contain_text("Still paused by another pause")
    await sheet.get_by_role("button", name="Resume").click()
    await expect(seen.page.get_by_role("status").last).to_contain_text("1 pause has ended.")
    await expect(rows(seen)).to_have_count(1)
    await rows(seen).get_by_role("link", name="Resume").click()
    await seen.page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    await expect(rows(seen)).to_have_count(0)
    await expect(seen.page.get_by_role("link", name="Pause", exact=True)).to_be_visible()
    assert await dashboard.connection.fetchval(
        "select array_agg(action || ' ' || coalesce(integration_id, 'all') order by id) from synkron.audit "
        "where action in ('pause', 'resume')"
    ) == ["pause all", f"pause {mine.integrations[0]}", "resume all", f"resume {mine.integrations[0]}"]
    assert seen.complaints == []


def rows(seen: Window) -> Locator:
    return seen.page.locator("section[aria-labelledby=pauses] tbody tr")


@needs_browser
async def test_a_type_is_paused_without_javascript(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window(java_script_enabled=False, locale="nb-NO")
    await seen.open("/")
    await seen.page.get_by_role("link", name="Pauser").click()
    await seen.page.get_by_label("Sett en hel type på pause").select_option("xledger")
    await seen.page.get_by_role("button", name="Sett på pause").click()
    assert "Hele typen" in await seen.page.locator("main").inner_text()
    await seen.page.get_by_role("button", name="Sett på pause").click()
    assert "xledger er satt på pause." in await seen.page.get_by_role("status").last.inner_text()
    await expect(seen.page.get_by_label("Sett en hel type på pause").locator("option[value=xledger]")).to_have_count(0)
    for path in ("/pauses", f"/o/{cast[0].org_id}", f"/integrations/{cast[0].integrations[0]}"):
        await seen.open(path)
        await expect(seen.page.get_by_role("row", name="Hele typen")).to_contain_text("Til den gjenopptas")
    await seen.page.get_by_role("link", name="Gjenoppta xledger").click()
    await seen.page.get_by_role("button", name="Gjenoppta").click()
    assert "1 pause er avsluttet." in await seen.page.get_by_role("status").last.inner_text()
    assert (
        await dashboard.connection.fetchval(
            "select count(*) from synkron.pauses where integration_type is not null and ended_at is null"
        )
        == 0
    )


async def test_who_may_end_which(api: Api, connection: Connection, cast: list[Member]) -> None:
    """Who is tied sees what holds their own, and ends what is their own; who only reads ends nothing."""
    mine, other = cast[0], cast[1]
    of_all, of_type, own, part, theirs = [
        await connection.fetchval(PAUSE, *scope)
        for scope in (
            (None, None, None),
            (None, "xledger", None),
            (mine.org_id, None, None),
            (mine.org_id, "xledger", None),
            (other.org_id, None, None),
        )
    ]
    reader = api
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    tied = api.with_token(await token_of(connection, Permission.OPERATE, mine.org_id))
    for path in (f"/integrations/{mine.integrations[0]}", f"/o/{mine.org_id}", "/pauses"):
        for who, offered in (
            (reader, set()),
            (operator, {of_all, of_type, own, part}),
            (tied, {own, part}),
        ):
            text = (await who.get(path, headers=PAGE)).text
            assert set(re.findall(r'data-row="(\d+)"', text)) >= {str(of_all), str(of_type), str(own), str(part)}, path
            found = {int(number) for number in re.findall(r"/act/resume\?pause=(\d+)", text)}
            assert found & {of_all, of_type, own, part} == offered, path
            assert (f'data-row="{theirs}"' in text) is (path == "/pauses" and who is not tied), path
    # A pause of exactly the integration is not there. Which ones hold it is said to who may know.
    for who, asked, said in (
        (operator, mine, [of_all, of_type, own, part]),
        (tied, mine, [of_all, of_type, own, part]),
        (operator, other, [of_all, of_type, theirs]),
        (tied, other, []),
    ):
        refused = await who.get(f"/act/resume?integration={asked.integrations[0]}", headers=PAGE)
        assert refused.status == 404
        assert "There is no active pause of exactly integration" in refused.text
        assert re.findall(r"pause (\d+) \(", refused.text) == [str(number) for number in said]
    for who, number, status in (
        (reader, own, 403),
        (tied, of_all, 404),
        (tied, of_type, 404),
        (tied, theirs, 404),
        (operator, 4711, 404),
        (tied, own, 200),
        (operator, of_all, 200),
    ):
        assert (await who.get(f"/act/resume?pause={number}", headers=PAGE)).status == status, number
        done = await who.ask("POST", "/act/resume", data={"pause": str(number)}, headers=PAGE, allow_redirects=False)
        assert done.status == (303 if status != 403 else 403), number
    ended = await connection.fetch("select id from synkron.pauses where ended_at is not null")
    assert {row["id"] for row in ended} == {own, of_all}


async def test_what_may_be_paused(api: Api, connection: Connection, cast: list[Member]) -> None:
    mine, other = cast[0], cast[1]
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    tied = api.with_token(await token_of(connection, Permission.OPERATE, mine.org_id))
    for who, asked, status in (
        (operator, f"org={other.org_id}", 200),
        (operator, f"org={other.org_id}&type=bufdir", 200),
        (operator, "type=xledger", 200),
        (tied, f"org={mine.org_id}", 200),
        (tied, f"org={other.org_id}", 404),
        (operator, "org=4711", 404),
        (operator, "org=%00", 404),
        (operator, "type=%00", 404),
        (operator, "type=fax", 404),
        (operator, "org=" + "9" * 300, 404),
        (operator, f"org={other.org_id}&integration={mine.integrations[0]}", 422),
        (operator, "", 422),
    ):
        assert (await who.get(f"/act/pause?{asked}", headers=PAGE)).status == status, asked
    # A pause is named in one way, and one integration is run, not those of an organization.
    for path in (f"/act/resume?pause=1&org={mine.org_id}", f"/act/trigger?org={mine.org_id}"):
        assert (await operator.get(path, headers=PAGE)).status == 422, path
    # Of who is tied, a type is that of their own organization.
    await tied.ask("POST", "/act/pause", data={"type": "xledger"}, headers=PAGE, allow_redirects=False)
    made = await connection.fetchrow("select org_id, integration_type from synkron.pauses order by id desc")
    assert made is not None
    assert tuple(made) == (mine.org_id, "xledger")


@pytest.mark.parametrize(
    ("schedule", "until", "expected"),
    [
        ("0 3 1 1 *", None, ["paused", "until it is resumed", "paused"]),
        ("* * * * *", timedelta(hours=1), ["paused", "until ", "paused"]),
        # It ends before the next moment, which counts down; the state says until when it lasts.
        ("0 3 1 1 *", timedelta(minutes=10), ["in ", "paused", "until "]),
        ("99 * * * *", timedelta(hours=1), ["can't run", "paused, until "]),
    ],
)
async def test_the_overview_says_of_a_paused_row_until_when(
    api: Api, connection: Connection, schedule: str, until: timedelta | None, expected: list[str]
) -> None:
    org_id = await add_organization(connection, "Fjord", "Asia/Kolkata")
    integration = await add_integration(connection, schedule, org_id=org_id)
    await connection.execute(
        "insert into synkron.pauses (org_id, reason, author, until) "
        "values ($1, 'moving', 'kari', now() + $2::interval)",
        org_id,
        until,
    )
    await refresh(connection, SETTINGS)
    for path in ("/?state=paused", f"/o/{org_id}"):
        text = (await api.get(path, headers=PAGE)).text
        row = unescape(text[text.index(f'<tr data-row="{integration}"') :].partition("</tr>")[0])
        shown = " ".join(re.sub(r"<[^>]+>", " ", row[row.index('class="next"') :]).split())
        at = 0
        for words in expected:
            at = shown.index(words, at) + len(words)
        if until is not None and schedule != "99 * * * *":
            assert re.search(r"until (\w+ \d+ \w+ )?\d\d:\d\d Kolkata · .*\d\d:\d\d UTC", shown), shown
        assert ("data-at" in row) is ("in " in expected)


async def test_no_reason_is_recorded_in_one_way_and_said_in_each_language(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    operator = api.with_token(await token_of(connection, Permission.ADMIN))
    for language in ("en", "nb"):
        await connection.execute("delete from synkron.pauses")
        sent = {"org": cast[0].org_id}
        headers = PAGE | {"Accept-Language": language}
        await operator.ask("POST", "/act/pause", data=sent, headers=headers, allow_redirects=False)
        [pause] = await connection.fetch("select id, reason from synkron.pauses")
        assert pause["reason"] == NOT_GIVEN
    for language, said in (("en", "no reason given"), ("nb", "ingen grunn oppgitt")):
        for path in ("/pauses", f"/act/resume?pause={pause['id']}", "/audit"):
            shown = (await operator.get(path, headers=PAGE | {"Accept-Language": language})).text
            assert said in shown, path
            assert language == "en" or "no reason given" not in shown, path
