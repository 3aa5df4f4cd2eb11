"""The pages that answer questions, as people see them: of nothing, of names that are markup, and of a fleet's night."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from synkron.postgres.embedded import EmbeddedServer
from tests.conftest import Connection
from tests.dashboard.conftest import Dashboard, showing
from tests.end_to_end.first_hour.fleet import SETTINGS as FLEET
from tests.end_to_end.first_hour.fleet import seed
from tests.service.api.cast import Member
from tests.support.api import Api, serving
from tests.support.browser import NARROW, needs_browser
from tests.support.commands import synkron
from tests.support.databases import Database, migrated

pytestmark = needs_browser

PAGES = ("/night", "/timeline", "/heat", "/drift", "/health", "/lab", "/setup", "/audit")
ASKED = (
    *PAGES,
    "/night?range=day",
    "/night?range=week&zone=Asia/Kathmandu",
    "/night?range=month&on=2026-05-01",
    "/timeline?range=1h",
    "/timeline?range=7d&type=xledger&zone=Pacific/Chatham",
    "/heat?type=bufdir&zone=%2B05:45",
    "/drift?range=7d",
    "/drift?range=30d&type=xledger",
    "/lab?expression=30+2+13+*+5&zone=Europe/Oslo",
    "/lab?expression=0+2+31+2+*",
    "/lab?expression=99+2+*+*+*",
    "/lab?expression=*+*+*+*+*&zone=Europe/Atlantis",
    "/audit?since=24h",
    "/audit?author=nobody",
    "/audit?org=Nordavind+Skoler&type=xledger&integration=",
)
KATHMANDU = "Kathmandu"
# What is wider than its cell or card, and the names of types that are broken into lines.
STICKS_OUT = """() => [...document.querySelectorAll(":is(td, th, .card) *:not(svg *, .hidden)")].filter(one =>
    one.getBoundingClientRect().right > one.parentElement.closest("td, th, .card").getBoundingClientRect().right + 1
).map(one => one.outerHTML)"""
BROKEN_NAMES = """() => [...document.querySelectorAll(".lane-name b")].filter(one =>
    one.getClientRects()[0].height > 1.5 * parseFloat(getComputedStyle(one).lineHeight)
).map(one => one.outerHTML)"""


@pytest.fixture(scope="module")
async def night(server: EmbeddedServer) -> AsyncIterator[tuple[Api, Connection]]:
    """Two hundred organizations in the morning after a night: see ``tests.end_to_end.first_hour.fleet``."""
    settings = FLEET.model_copy(update={"listen": "127.0.0.1:0"})
    async for database in migrated(server):
        await seed(database)
        connection = await asyncpg.connect(database.url)
        async with serving(database, settings, url=database.url) as api:
            yield api, connection
        await connection.close()


@pytest.fixture
async def fleet(night: tuple[Api, Connection], browser: Browser) -> AsyncIterator[Dashboard]:
    """The dashboard of that night, which the tests only read."""
    async with showing(night[0], browser, night[1]) as shown:
        yield shown


@pytest.mark.usefixtures("untouched_logging")
async def test_where_nothing_is_each_page_names_the_next_command(
    dashboard: Dashboard, database: Database, tmp_path: Path
) -> None:
    """And each of these commands is one that there is, with all that it needs."""
    seen = await dashboard.window()
    named: set[str] = set()
    for path in (*PAGES, "/audit?author=nobody"):
        assert await seen.open(path) == 200, path
        if path != "/audit":  # the login is in it
            commands = await seen.page.locator("main code", has_text="synkron ").all_text_contents()
            assert commands, path
            named.update(commands)
        assert await seen.violations() == [], path
    assert seen.complaints == []
    for command in named:
        ended = await synkron(database.url, *shlex.split(command)[1:], folder=tmp_path)
        assert ended.returncode != 2, (command, ended.stderr)


async def test_each_page_fits_a_telephone_and_is_small_accessible_and_quiet(fleet: Dashboard) -> None:
    """In Norwegian; what has no Norwegian words is English there, too. Times in two zones take the most room."""
    seen = await fleet.window(viewport=NARROW, locale="nb-NO")
    for path in ("/night?zone=America/New_York", *ASKED):
        assert await seen.open(path) == 200, path
        assert await seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
        assert await seen.page.evaluate(STICKS_OUT) == [], path
        assert await seen.page.evaluate(BROKEN_NAMES) == [], path
        assert len((await seen.page.content()).encode()) < 200_000, path
        assert await seen.violations() == [], path
    assert seen.complaints == []


async def test_the_menu_opens_on_a_telephone_where_it_was(fleet: Dashboard) -> None:
    seen = await fleet.window(viewport=NARROW)
    await seen.open("/audit")
    menu = seen.page.locator(".menu > summary")
    closed = await menu.bounding_box()
    await menu.click()
    opened = await menu.bounding_box()
    assert opened == pytest.approx(closed, abs=1)


async def test_each_page_says_what_is_so_without_javascript(fleet: Dashboard) -> None:
    seen = await fleet.window(java_script_enabled=False)
    for path, texts in {
        "/night?zone=Europe/Oslo": [
            "The night to Fri 22 May 2026, 18:00 to 07:04",
            "dynamics: 41 of 43 exported; Berg Drift failed twice, HTTP 403 since 02:04.",
            "18:00 - 05:04 failed: HTTP 403",
            "Kvitfjell Drift",
        ],
        "/timeline": ["736 moments", "02:00 150", "Oslo"],
        "/heat": ["Fri 22 May", "212", "synkron forecast --spread xledger=5m"],
        "/drift": ["473", "1 h 10 min", "1 h 30 min", "Islyng Drift"],
        "/health": ["https://www.xledger.net/", "known from a run", "144 contacts in 24 hours"],
        "/lab?expression=0+2+13+*+5": ["At 02:00 on day 13 of the month, and also on Friday.", "W3", "Temporal"],
        "/setup": ["2 of 254 rows can't run", "synkron check"],
        "/audit": ["Backfilled", "Bufdir moves its service", "Set an override"],
    }.items():
        assert await seen.open(path) == 200, path
        text = " ".join((await seen.page.locator("main").inner_text()).replace("\xa0", " ").split())
        assert [one for one in texts if one not in text] == [], path


async def test_the_same_is_said_in_norwegian(fleet: Dashboard) -> None:
    seen = await fleet.window(locale="nb-NO")
    for path, text in {
        "/night?zone=Europe/Oslo": "41 av 43 eksportert; Berg Drift mislyktes to ganger, HTTP 403 siden 02:04.",
        "/lab?expression=0+2+13+*+5": "Kl. 02:00 den 13. i måneden, og i tillegg hver fredag.",
        "/heat": "har 150 starter i minuttet",
        "/audit": "Satte på pause",
    }.items():
        await seen.open(path)
        await expect(seen.page.locator("main")).to_contain_text(text)


async def test_a_zone_is_remembered_and_a_type_is_chosen(fleet: Dashboard) -> None:
    seen = await fleet.window()
    await seen.open("/timeline")
    await seen.page.get_by_label("Time zone").fill("Asia/Kathmandu")
    await seen.page.get_by_role("button", name="Show", exact=True).click()
    await expect(seen.page.locator(".lane-name", has_text=KATHMANDU)).to_be_visible()
    await seen.open("/heat")
    assert await seen.page.get_by_label("Time zone").input_value() == "Asia/Kathmandu"
    await seen.page.get_by_label("Type", exact=True).select_option("bufdir")
    await expect(seen.page).to_have_url(f"{fleet.url}/heat?type=bufdir")
    assert await seen.open("/heat?zone=Europe/Atlantis") == 422
    assert await seen.open("/night?range=day&on=2027-01-01") == 409


async def test_keys_lead_to_each_page_and_through_its_rows(fleet: Dashboard) -> None:
    seen = await fleet.window()
    await seen.open("/lab")
    for letter, path in {
        "n": "/night",
        "t": "/timeline",
        "m": "/heat",
        "d": "/drift",
        "h": "/health",
        "a": "/audit",
    }.items():
        await seen.page.keyboard.press("g")
        await seen.page.keyboard.press(letter)
        await seen.page.wait_for_url(f"{fleet.url}{path}")
    await seen.open("/night")
    await seen.page.keyboard.press("j")
    await expect(seen.page.get_by_role("link", name="Berg Drift")).to_be_focused()
    assert seen.complaints == []


async def test_the_sheet_is_what_the_page_shows(fleet: Dashboard) -> None:
    seen = await fleet.window()
    await seen.open("/night?zone=Europe/Oslo&type=dynamics")
    async with seen.page.expect_download() as begun:
        await seen.page.get_by_role("link", name="Download as CSV").first.click()
    assert (await begun.value).suggested_filename == "synkron-2026-05-21-to-2026-05-22.csv"
    path = await (await begun.value).path()
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == 1 + 42
    assert lines[1].startswith("dynamics,Berg Drift,")


async def test_names_are_text_and_nothing_else(dashboard: Dashboard, cast: list[Member]) -> None:
    seen = await dashboard.window()
    for path in (*PAGES, f"/night?org={cast[0].org_id}&range=month"):
        assert await seen.open(path) == 200, path
        assert await seen.page.evaluate("document.querySelectorAll('main script, main style, [onerror]').length") == 0
        assert "\x1b" not in await seen.page.content(), path
    assert await seen.open("/lab?expression=%3Cscript%3Ealert(1)%3C/script%3E%1B[2J") == 200
    assert await seen.page.evaluate("document.querySelectorAll('main script').length") == 0
    assert seen.complaints == []
