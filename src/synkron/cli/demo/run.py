"""The demo: the fleet, the vendors' endpoints and the service, on their own embedded database."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

from rich.console import Console

from synkron.cli import logs
from synkron.cli.context import Place, connection
from synkron.cli.demo.fleet import is_only_demo, seed
from synkron.cli.demo.keys import pressed_keys
from synkron.cli.demo.vendors import Vendors, vendor_endpoints
from synkron.cli.demo.view import LiveView
from synkron.cli.output import say
from synkron.cli.serving import Stop, dashboard_link, mark_demo, prepare, roles_of_up, say_dashboard, stop_on_signals
from synkron.errors import Refused
from synkron.ledger.history import Totals, totals
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.runtime import sleep
from synkron.service.serve import serve
from synkron.settings.load import AnnounceSettings, Settings
from synkron.text import several

NOTES = 20
# The second of a minute from which on a tick no longer decides that minute.
FIRST_TICK = 30.2


async def run_demo(place: Place, settings: Settings, environment: Mapping[str, str]) -> None:
    """Seed the fleet, start the vendors, and serve until told to stop. Raises Refused if there is other data."""
    async with connection(place.url, settings.source) as held:
        await _refuse_second_demo(held, place)
        await prepare(held, settings, embedded=True)
        await _refuse_other_rows(held, settings, place)
        say(f"database: {place.name}")
        if place.folder is not None:
            mark_demo(place.folder)
        await seed(held, settings.source)
        async with vendor_endpoints() as vendors:
            began = await database_clock(held)
            wait = _until_a_moment_lies_ahead(began) if await _is_new(held) else 0.0
            opened = demo_settings(settings, vendors)
            await _serve(place, opened, {**environment, **vendors.environment}, began, wait)
        done = await totals(held, began)
    say(f"{done.succeeded} runs succeeded, {done.failed} failed, {done.skipped} were skipped.{caught_up(done)}")
    say(f"The demo's data stays in {place.folder}; `synkron runs` shows its runs.")


def demo_settings(settings: Settings, vendors: Vendors) -> Settings:
    """The settings with the demo's vendors as the only targets: nothing else is called, probed or announced to."""
    nobody = {"announce": AnnounceSettings(), "heartbeat_url": None, "heartbeat_failure_url": None}
    return settings.model_copy(update={"types": vendors.types, **nobody})


async def _is_new(held: Connection) -> bool:
    """Whether nothing was decided yet. After a stop, there is something to catch up at once."""
    return bool(await held.fetchval(statements("cli/demo/fleet")["is_new"]))


def _until_a_moment_lies_ahead(now: datetime) -> float:
    """Seconds until the first tick, which also decides the half minute before it, decides no moment that is over."""
    past = now.second + now.microsecond / 1_000_000
    return max(0.0, FIRST_TICK - past)


def caught_up(done: Totals) -> str:
    """The sentence about runs that made up for missed or held moments; empty if there were none."""
    runs = several(done.caught_up, "run")
    moments = several(done.caught_up_moments, "moment")
    return f" {runs} caught up {moments}, missed or on hold." if done.caught_up else ""


async def _refuse_second_demo(held: Connection, place: Place) -> None:
    if not await held.fetchval(statements("cli/demo/fleet")["lock"]):
        raise Refused(
            f"Another demo runs on the data in {place.folder}. Stop it first, or give this one data of its own: "
            "`SYNKRON_DATA_DIR=/tmp/synkron-demo synkron up --demo`."
        )


async def _refuse_other_rows(held: Connection, settings: Settings, place: Place) -> None:
    if not await is_only_demo(held, settings.source):
        source = settings.source
        raise Refused(
            f"The tables {source.organizations.table} and {source.integrations.table} in {place.folder} contain "
            "rows that are not the demo's. Give the demo its own data: "
            "`SYNKRON_DATA_DIR=/tmp/synkron-demo synkron up --demo`."
        )


async def _serve(
    place: Place, settings: Settings, environment: Mapping[str, str], began: datetime, wait: float
) -> None:
    stop = stop_on_signals()
    console = Console()
    if not sys.stdout.isatty() or console.is_dumb_terminal:
        say_it = partial(say_dashboard, place.url, settings.api)
        await _served(place, settings, environment, stop, wait, say_it)
        return
    notes: deque[str] = deque(maxlen=NOTES)
    logs.keep(notes)
    done = asyncio.Event()
    with pressed_keys() as keys:
        view = LiveView(place.url, settings, str(place.folder), began, notes, keys)

        async def show_link(address: str) -> None:
            view.links.append(await dashboard_link(place.url, settings.api, address))

        showing = asyncio.create_task(view.show(console, stop.asked, done))
        # If the view fails, the demo ends: it must not leave a frozen picture.
        showing.add_done_callback(lambda _: stop.asked.set())
        try:
            await _served(place, settings, environment, stop, wait, show_link)
        finally:
            done.set()
            await showing


async def _served(
    place: Place,
    settings: Settings,
    environment: Mapping[str, str],
    stop: Stop,
    wait: float,
    listening: Callable[[str], Awaitable[None]],
) -> None:
    await sleep(wait, stop.asked)
    await serve(
        place.url,
        settings,
        roles_of_up(settings),
        stop.asked,
        environment,
        at_once=stop.at_once,
        listening=listening,
        anywhere=True,
    )
