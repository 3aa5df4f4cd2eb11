"""The images of the documents: the dashboard on the morning after the first hour's night.

``SYNKRON_WRITE_IMAGES=1`` takes them again.
"""

from __future__ import annotations

import os
from typing import Any

from playwright.async_api import Browser

from tests.conftest import Connection
from tests.dashboard.conftest import Dashboard, showing
from tests.end_to_end.first_hour.fleet import SETTINGS, seed
from tests.house.pages import ROOT
from tests.support.api import serving
from tests.support.browser import needs_browser
from tests.support.databases import Database

FOLDER = ROOT / "docs" / "images"
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
NARROW: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
# Each with its path, its window, and what must be seen in it.
IMAGES = {
    "overview": ("/?sort=next_fire", WIDE, "Lillevik Drift"),
    "mobile": ("/?sort=next_fire", NARROW, "Lillevik Drift"),
    "last-night": ("/night?zone=Europe/Oslo", WIDE, "2 integrations can't run"),
    "run": ("/runs/{failed}", WIDE, "this user may not read the company"),
}


def test_each_image_can_be_taken_again() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == IMAGES.keys()


if "SYNKRON_WRITE_IMAGES" in os.environ:  # otherwise there is nothing to see: no picture is like another

    @needs_browser
    async def test_the_images_are_taken(database: Database, connection: Connection, browser: Browser) -> None:
        await seed(database)
        failed = await connection.fetchval("select max(id) from synkron.runs where state = 'failed'")
        settings = SETTINGS.model_copy(update={"listen": "127.0.0.1:0"})
        async with serving(database, settings) as api, showing(api, browser, connection) as dashboard:
            for name, image in IMAGES.items():
                await _take(dashboard, name, *image, failed=failed)


async def _take(dashboard: Dashboard, name: str, path: str, size: dict[str, Any], shown: str, *, failed: int) -> None:
    seen = await dashboard.window(**size)
    assert await seen.open(path.format(failed=failed)) == 200
    await seen.page.get_by_text(shown).first.wait_for()
    await seen.page.screenshot(path=FOLDER / f"{name}.png")
    assert seen.complaints == []
