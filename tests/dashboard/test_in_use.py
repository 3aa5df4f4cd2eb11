"""The dashboard in use: people come in, see what happens as it happens, and act, by mouse and by keyboard."""

from __future__ import annotations

from datetime import UTC

import pytest
from playwright.async_api import expect

from synkron.model import Run
from synkron.operations.access.actor import Permission
from synkron.operations.access.sessions import make_login_link
from synkron.scheduler.tick import tick
from synkron.service.application import running
from synkron.settings.load import Settings
from synkron.text import instant
from tests.conftest import Connection
from tests.dashboard.conftest import Dashboard
from tests.service.api.cast import HOUR, Member
from tests.support.browser import needs_browser
from tests.support.databases import Database
from tests.support.fleet import add_integration, add_organization

pytestmark = needs_browser


async def test_a_link_logs_in_once_and_nobody_sees_anything_without(
    dashboard: Dashboard, connection: Connection
) -> None:
    seen = await dashboard.window(None)
    await seen.open("/runs?state=failed")
    assert "/login?next=" in seen.page.url
    await seen.page.get_by_label("Name").fill("kari")
    await seen.page.get_by_label("Password").fill("wrong")
    await seen.page.get_by_role("button", name="Log in").click()
    await expect(seen.page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
    link = f"/login/{await make_login_link(connection, 'kari', Permission.READ)}"
    await seen.open(link)
    await seen.page.get_by_role("button", name="Log in").click()
    await expect(seen.page).to_have_title("Overview · Synkron")
    await seen.page.get_by_role("button", name="Log out").click()
    await expect(seen.page).to_have_title("Log in · Synkron")
    await seen.open(link)
    await seen.page.get_by_role("button", name="Log in").click()
    await expect(seen.page.get_by_role("alert")).to_contain_text("This link was used")


async def test_who_may_only_read_is_offered_nothing_else(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window(Permission.READ)
    await seen.open("/")
    assert await seen.page.get_by_role("checkbox").count() == 0
    await seen.open(f"/integrations/{cast[0].integrations[0]}")
    assert await seen.page.get_by_role("link", name="Run now").count() == 0
    assert await seen.open(f"/act/pause?integration={cast[0].integrations[0]}") == 403


async def test_a_run_is_seen_as_it_happens(dashboard: Dashboard, database: Database, connection: Connection) -> None:
    received = []

    async def export(run: Run) -> None:
        received.append(run.id)

    org_id = await add_organization(connection, "Fjordlys", "Europe/Oslo")
    integration = await add_integration(connection, "0 3 1 1 *", org_id=org_id)
    await tick(connection, Settings(), scheduler="test")
    async with running(Settings(database_url=database.url), roles=["worker"], targets={"xledger": export}):
        seen, other = await dashboard.window(), await dashboard.window(Permission.READ)
        await other.open("/")
        await expect(other.page.locator("#live")).to_have_text("Live")
        await expect(other.page.get_by_role("row", name="Fjordlys")).to_contain_text("not run yet")
        await seen.open(f"/integrations/{integration}")
        await expect(seen.page.locator("#live")).to_have_text("Live")
        await seen.page.evaluate("window.untouched = true")
        await seen.page.get_by_role("link", name="Run now").click()
        sheet = seen.page.get_by_role("dialog", name="Run now")
        await expect(sheet).to_contain_text("Fjordlys xledger")
        assert await connection.fetchval("select count(*) from synkron.runs") == 0
        await sheet.get_by_role("button", name="Run now").click()
        await expect(seen.page.get_by_role("status").last).to_contain_text("is made")
        await expect(seen.page.get_by_role("row", name="run by hand")).to_contain_text("succeeded", timeout=20_000)
        await expect(other.page.get_by_role("row", name="Fjordlys")).to_contain_text("well", timeout=20_000)
    assert len(received) == 1
    assert seen.complaints == other.complaints == []


async def test_a_tick_is_seen_without_a_load(dashboard: Dashboard, connection: Connection) -> None:
    await tick(connection, Settings(), scheduler="test")
    seen = await dashboard.window()
    await seen.open("/")
    # Once it is live, the page is fetched one time more.
    await seen.page.wait_for_event("response", lambda answer: answer.url.endswith("/"))
    shown = seen.page.locator(".tile.tick time")
    before = await shown.get_attribute("datetime")
    loads: list[str] = []
    seen.page.on("request", lambda asked: loads.append(asked.url))
    await tick(connection, Settings(), scheduler="test")
    newest = await connection.fetchval("select max(at) from synkron.ticks")
    await expect(shown).to_have_attribute("datetime", instant(newest))
    assert (before == instant(newest), loads) == (False, [])
    assert seen.complaints == []


async def test_a_page_whose_session_ends_says_so_and_leads_back(dashboard: Dashboard, connection: Connection) -> None:
    await tick(connection, Settings(), scheduler="test")
    for language, said in (("en-GB", "Your session has ended."), ("nb-NO", "Økten er avsluttet.")):
        seen = await dashboard.window(locale=language)
        await seen.open("/incidents?closed=true")
        await expect(seen.page.locator("#live")).not_to_have_class("waiting")
        await connection.execute(
            "update synkron.sessions set created_at = now() - interval '2 s', expires_at = now() - interval '1 s';"
            "select pg_stat_force_next_flush()"
        )
        await expect(seen.page.get_by_role("alert")).to_contain_text(said)
        assert await seen.page.locator("[name=next]").get_attribute("value") == "/incidents?closed=true"


async def test_many_are_paused_and_resumed_at_once(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window()
    await seen.open("/?type=xledger")
    assert not await seen.page.locator("#bulk").is_visible()
    await seen.page.get_by_role("checkbox", name="Select all").check()
    await expect(seen.page.locator("#bulk")).to_contain_text("3 selected")
    await seen.page.locator("#bulk").get_by_role("button", name="Pause").click()
    sheet = seen.page.get_by_role("dialog")
    await expect(sheet).to_contain_text("3 integrations")
    await sheet.get_by_label("For how long").select_option("4h")
    await sheet.get_by_role("button", name="Pause").click()
    await expect(seen.page.get_by_role("status").last).to_contain_text("3 integrations are paused.")
    await expect(seen.page.locator("tbody")).to_contain_text("until")
    await seen.page.get_by_role("checkbox", name="Select all").check()
    await seen.page.locator("#bulk").get_by_role("button", name="Resume").click()
    await seen.page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    await expect(seen.page.get_by_role("status").last).to_contain_text("3 pauses have ended.")
    authors = await dashboard.connection.fetch("select distinct author from synkron.audit where action = 'pause'")
    assert [row["author"] for row in authors] == ["person:kari"]
    assert len(cast) == 3


async def test_a_backfill_is_previewed_in_place_and_then_done(
    dashboard: Dashboard, connection: Connection, cast: list[Member]
) -> None:
    await connection.execute("update synkron.watermark set at = now()")
    await connection.execute(
        "update organization_integrations set cron_schedule = '*/10 * * * *' where id::text = $1",
        cast[0].integrations[0],
    )
    seen = await dashboard.window()
    await seen.open(f"/integrations/{cast[0].integrations[0]}")
    await seen.page.get_by_role("link", name="Backfill").click()
    sheet = seen.page.get_by_role("dialog", name="Backfill")
    end = await connection.fetchval("select date_trunc('hour', at - interval '3 hours') from synkron.watermark")
    await sheet.get_by_label("From (UTC)").fill(f"{end.astimezone(UTC) - HOUR:%Y-%m-%dT%H:%M}")
    await sheet.get_by_label("Up to (UTC)").fill(f"{end.astimezone(UTC):%Y-%m-%dT%H:%M}")
    await sheet.get_by_role("button", name="Preview").click()
    await expect(sheet).to_contain_text("Would run")
    count = "select count(*) from synkron.runs where source = 'backfill'"
    assert await connection.fetchval(count) == 0
    await sheet.get_by_role("button", name="Run these").click()
    await expect(seen.page.get_by_role("status").last).to_contain_text("6 runs are made.")
    assert await connection.fetchval(count) == 6
    assert seen.complaints == []


async def test_keys_lead_everywhere(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window()
    await seen.open("/")
    keyboard = seen.page.keyboard
    await keyboard.press("/")
    await expect(seen.page.locator("#search")).to_be_focused()
    await keyboard.press("Escape")
    await keyboard.press("?")
    await expect(seen.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await keyboard.press("Escape")
    await keyboard.press("j")
    await keyboard.press("j")
    await keyboard.press("k")
    await expect(seen.page.locator("tr.here")).to_have_count(1)
    await keyboard.press("x")
    await expect(seen.page.locator("#bulk")).to_be_visible()
    await keyboard.press("t")
    await expect(seen.page.locator("html")).to_have_attribute("data-theme", "dark")
    await keyboard.press("Enter")
    await expect(seen.page).to_have_url(f"{dashboard.url}/integrations/{cast[0].integrations[1]}")
    await expect(seen.page.locator("html")).to_have_attribute("data-theme", "dark")
    await keyboard.press("g")
    await keyboard.press("i")
    await expect(seen.page).to_have_title("Incidents · Synkron")
    assert seen.complaints == []


@pytest.mark.parametrize("field", ["form_token", None])
async def test_another_site_can_send_no_form(dashboard: Dashboard, cast: list[Member], field: str | None) -> None:
    session = await dashboard.session()
    context = await dashboard.browser.new_context(extra_http_headers={"Cookie": f"synkron-session={session}"})
    answer = await context.request.post(
        f"{dashboard.url}/act/pause",
        form={"integration": cast[0].integrations[0], **({field: "x"} if field else {})},
        headers={"Sec-Fetch-Site": "same-origin" if field else "cross-site", "Accept": "text/html"},
    )
    assert answer.status == 403
    assert await dashboard.connection.fetchval("select count(*) from synkron.audit where action = 'pause'") == 0
