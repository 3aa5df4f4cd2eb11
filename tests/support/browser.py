"""A real browser: the distribution's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

NOT_INSTALLED = (
    "The tests of the dashboard in a browser did not run: the distribution's Chromium is not installed (on Debian: "
    "apt-get install chromium-headless-shell)."
)
# The same engine: without the parts that show windows, it takes a third of the processor's time.
PROGRAMS = ("chromium-headless-shell", "chromium")
# Without a sandbox, because the tests may run as root; without /dev/shm, which is small in containers; without the
# compilers that optimize: no page lives long enough to earn back what they cost.
OPTIONS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--js-flags=--no-turbofan,--no-maglev")
COOKIE = "synkron-session"
# Which rules run in which scheme.
ALL_RULES: tuple[Literal["light"], str] = ("light", "")
COLOUR_RULES: tuple[Literal["dark"], str] = (
    "dark",
    "preload: false, runOnly: ['color-contrast', 'link-in-text-block'],",
)
# Rows that differ from two before them only in names, addresses and texts: the rules would find the same in each.
TAKE_ROWS_OUT = r"""() => {
    const names = / (href|id|title|datetime|value|aria-label|aria-labelledby|for|data-[a-z]+)="[^"]+"/g;
    const known = {};
    for (const row of document.querySelectorAll("tbody tr")) {
        const kind = row.outerHTML.replace(names, " $1").replace(/>[^<]*\S[^<]*</g, ">text<");
        known[kind] = (known[kind] ?? 0) + 1;
        if (known[kind] > 2) row.remove();
    }
}"""
NARROW, WIDE = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=860)


def program() -> str | None:
    """Chromium's program; None where there is none."""
    path = f"{os.environ.get('PATH', '')}:/usr/bin"
    return next(filter(None, (shutil.which(name, path=path) for name in PROGRAMS)), None)


needs_browser = pytest.mark.skipif(program() is None and "CI" not in os.environ, reason=NOT_INSTALLED)


@dataclass
class Window:
    """A window of a browser, with what its page has complained about. ``url`` is that of the dashboard."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> int:
        """Go to a path; answers the status."""
        answer = await self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    async def violations(self) -> list[str]:
        """What the rules of accessibility find wrong with the page, WCAG 2.2 AA and the best practices.

        All of them in the light, and once more in the dark those about colours. Two of each kind of row are looked at.
        A window of any size is as wide as a screen for that.
        """
        size = self.page.viewport_size
        await self.page.set_viewport_size(WIDE)
        await self.page.evaluate(TAKE_ROWS_OUT)
        await self.page.evaluate(f"() => {{ {rules()} }}")
        found: list[dict[str, Any]] = []
        for scheme, which in ALL_RULES, COLOUR_RULES:
            await self.page.emulate_media(color_scheme=scheme)
            run = f"axe.run(document, {{ {which} resultTypes: ['violations'] }})"
            found += await self.page.evaluate(f"async () => (await {run}).violations")
        await self.page.emulate_media(color_scheme="null")
        await self.page.set_viewport_size(size or WIDE)
        return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser without a screen."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program(), args=OPTIONS)
        try:
            yield running
        finally:
            await running.close()


async def window(running: Browser, url: str, session: str | None = None, **options: Any) -> Window:
    """A new window, of who has this session. Options are those of a context: ``color_scheme``, ``locale``..."""
    context = await running.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
    if session is not None:
        await context.add_cookies([{"name": COOKIE, "value": session, "url": url}])
    made = Window(await context.new_page(), url)

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            made.complaints.append(message.text)

    made.page.on("console", complain)
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    return made


@cache
def rules() -> str:
    """The rules, as `script/setup dev` has fetched them."""
    [found, *_] = sorted(Path(sys.prefix, "deno", "npm").glob("*/axe-core/*/axe.min.js"), reverse=True)
    return found.read_text("utf-8")
