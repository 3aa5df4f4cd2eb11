"""Each page, as people and their browsers see it: light and dark, wide and narrow, with and without JavaScript."""

from __future__ import annotations

from tests.conftest import Connection
from tests.dashboard.conftest import Dashboard
from tests.service.api.cast import Member, add_run, make_cast
from tests.support.browser import NARROW, needs_browser
from tests.support.fleet import add_integration, add_organization

pytestmark = needs_browser

NOT_TEXT = "document.querySelectorAll('main script, main style, [onerror]').length"


def paths(of: Member) -> list[str]:
    """Every page, with what is asked for."""
    integration = of.integrations[0]
    return [
        "/",
        "/?state=failing&sort=drift&type=xledger",
        "/?q=nothing+like+it",
        "/runs",
        "/runs?state=failed",
        "/incidents",
        "/incidents?closed=true",
        "/pauses",
        f"/pauses?org={of.org_id}",
        f"/integrations/{integration}",
        f"/integrations/{integration}?at=2026-01-01T04:00&month=2026-01",
        f"/runs/{of.run_id}",
        f"/incidents/{of.incident_id}",
        f"/o/{of.org_id}",
        f"/integrations/{of.integrations[1]}",
        f"/act/pause?integration={integration}",
        f"/act/pause?org={of.org_id}",
        f"/act/resume?integration={of.integrations[1]}",
        f"/act/trigger?integration={integration}",
        f"/act/backfill?integration={integration}",
        f"/act/acknowledge?incident={of.incident_id}",
        f"/act/silence?incident={of.incident_id}",
    ]


async def test_a_long_word_widens_no_page(dashboard: Dashboard, connection: Connection) -> None:
    await make_cast(connection)
    org_id = await add_organization(connection, "W" * 300)
    integration = await add_integration(connection, "0 3 1 1 *", org_id=org_id)
    run_id = await add_run(connection, org_id, integration, "W" * 300)
    seen = await dashboard.window(viewport=NARROW)
    for path in ("/", f"/o/{org_id}", f"/integrations/{integration}", f"/runs/{run_id}"):
        assert await seen.open(path) == 200, path
        assert await seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path


async def test_every_page_fits_a_telephone_shows_names_as_text_and_is_accessible_and_quiet(
    dashboard: Dashboard, cast: list[Member]
) -> None:
    """In Norwegian; what has no Norwegian words is English there, too."""
    seen = await dashboard.window(viewport=NARROW, locale="nb-NO")
    for path in paths(cast[0]):
        assert await seen.open(path) == 200, path
        assert await seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
        assert await seen.page.evaluate(NOT_TEXT) == 0, path
        assert "\x1b" not in await seen.page.content(), path
        assert await seen.violations() == [], path
    assert seen.complaints == []


async def test_the_menu_leads_on_from_a_telephone(dashboard: Dashboard) -> None:
    seen = await dashboard.window(viewport=NARROW)
    await seen.open("/")
    await seen.page.locator("summary", has_text="Menu").click()
    await seen.page.get_by_role("link", name="Incidents", exact=True).click()
    assert await seen.page.get_by_role("heading", level=1).inner_text() == "Incidents"


async def test_every_page_is_read_without_javascript(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window(java_script_enabled=False)
    for path in (one for one in paths(cast[0]) if "?" not in one):
        assert await seen.open(path) == 200, path
        assert "Member-A-" in await seen.page.locator("body").inner_text(), path
    await seen.open("/")
    await seen.page.get_by_role("checkbox", name="Select xledger").first.check()
    await seen.page.get_by_role("button", name="Pause").click()
    await seen.page.get_by_label("Reason").fill("moving house")
    await seen.page.get_by_role("button", name="Pause").click()
    assert "1 integration is paused." in await seen.page.get_by_role("status").last.inner_text()
    paused = await dashboard.connection.fetchrow("select author, reason from synkron.pauses order by id desc limit 1")
    assert paused is not None
    assert tuple(paused) == ("person:kari", "moving house")


async def test_what_does_not_exist_is_said_on_a_page(dashboard: Dashboard) -> None:
    """By its status each time: all that is refused is one template, see ``test_parameters``."""
    seen = await dashboard.window()
    for path, status in (("/nothing", 404), ("/?state=lost", 422)):
        assert await seen.open(path) == status, path
        assert await seen.page.get_by_role("heading", level=1).is_visible()
        assert await seen.violations() == []


async def test_an_open_incident_says_since_when_its_condition_is_gone(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window()
    said = seen.page.get_by_text("This has not been seen since")
    for away, times in ("0 s", 0), ("4 minutes", 1):
        await dashboard.connection.execute("update synkron.incidents set seen_at = now() - $1::text::interval", away)
        await seen.open(f"/incidents/{cast[0].incident_id}")
        assert await said.count() == times
    assert await seen.violations() == []
