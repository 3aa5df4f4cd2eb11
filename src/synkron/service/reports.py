"""The loop that announces reports: each is written once when it is due, and sent as any announcement."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from synkron.incidents.store import announce_report, is_reported
from synkron.ledger.installation import at_home
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connect, Connection
from synkron.reports.exports.mornings import last_moment, range_of
from synkron.reports.exports.sentences import Told
from synkron.reports.exports.store import read_exports
from synkron.runtime import log, sleep, unless_stopped
from synkron.settings.load import Settings
from synkron.source.reader import read_names
from synkron.text import instant

if TYPE_CHECKING:
    from synkron.settings.reports import ReportSettings

LOOK_EVERY = timedelta(seconds=30)
# After an outage, a report is sent so much later at most: what it tells of the night is then no news.
LATEST = timedelta(hours=6)


async def keep_reporting_exports(connect: Connect, settings: Settings, stop: asyncio.Event) -> None:
    """Announce each report of the settings at its moment, or as soon as a scheduler runs again."""
    while not stop.is_set():
        async with connect() as connection:
            await at_home(connection, settings)
            at = await database_clock(connection)
            for name in await unless_stopped(announce_due(connection, settings, at), stop) or ():
                log.info("report announced", report=name)
        await sleep(LOOK_EVERY.total_seconds(), stop)


async def announce_due(connection: Connection, settings: Settings, at: datetime) -> list[str]:
    """Announce the reports that are due at ``at`` and were not announced; returns their names."""
    announced = []
    for one in settings.reports:
        moment = last_moment(one.range, time.fromisoformat(one.at), ZoneInfo(one.zone), at)
        if at - moment > LATEST or await is_reported(connection, one.name, moment):
            continue
        channels = one.channels or tuple(settings.announce.channels)
        message = _message(one, await _told(connection, settings, one, moment))
        if await announce_report(connection, one.name, moment, message, channels, at):
            announced.append(one.name)
    return announced


async def _told(connection: Connection, settings: Settings, one: ReportSettings, moment: datetime) -> Told:
    asked = range_of(one.range, moment, ZoneInfo(one.zone))
    report = await read_exports(connection, settings, asked.window)
    if one.types:
        report = replace(report, exports=[export for export in report.exports if export.integration_type in one.types])
    return Told(report, asked, await read_names(connection, settings.source))


def _message(one: ReportSettings, told: Told) -> Mapping[str, object]:
    """Its title, its sentences, and the same for programs."""
    missing = len(told.faults)
    nothing = "all exported" if told.report.is_known else "no records"
    result = f"something is missing of {missing:,}" if missing else nothing
    return {
        "title": f"{told.heading}: {result}",
        "body": "\n".join([*told.remarks, *told.summary(), "", "`synkron report` has more."]),
        "facts": {
            "report": one.name,
            "title": told.heading,
            "since": instant(told.report.window.start),
            "until": instant(told.report.window.end),
            "types": told.figures,
        },
    }
