"""The instants that a command is asked for: by the database's clock, in the zone of whom it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from synkron.cli.output import say
from synkron.errors import Refused, SourceTableMissing, ZoneError
from synkron.model import EVERYTHING, Scope

if TYPE_CHECKING:
    from synkron.cli.when import WrittenTime
    from synkron.postgres.connection import Connection
    from synkron.settings.load import Settings

LOCALTIME = Path("/etc/localtime")


async def moments(
    connection: Connection,
    settings: Settings,
    *asked: WrittenTime | None,
    now: datetime | None = None,
    scope: Scope = EVERYTHING,
) -> list[datetime | None]:
    """The instants in UTC, which are told; None where nothing was asked for. Raises BadParameter as ``moment`` does.

    The zone is that of the organization that the scope names, by itself or by an integration; else the operator's.
    """
    from synkron.postgres.clock import database_clock

    if not any(asked):
        return [None for _ in asked]
    now = now or await database_clock(connection)
    zone: tzinfo = UTC
    if any(one and one.needs_zone for one in asked):
        zone = await zone_of(connection, settings, scope)
    return [None if one is None else moment(one, now, zone) for one in asked]


async def zone_of(connection: Connection, settings: Settings, scope: Scope) -> tzinfo:
    """The zone of the organization that the scope names, by itself or by an integration; else the operator's."""
    return await _organizations_zone(connection, settings, scope) or operators_zone(os.environ)


def moment(asked: WrittenTime, now: datetime, zone: tzinfo) -> datetime:
    """The instant in UTC. It is told in full, unless it was written so. Raises BadParameter if there is no single one.

    ``zone`` is for what was written without one.
    """
    from synkron.cli.when import TimeRefused, zone_name

    try:
        found = asked.moment(now, zone)
    except TimeRefused as error:
        raise typer.BadParameter(str(error)) from None
    if asked.instant is None:
        in_utc = f"{_local(found, UTC)} UTC"
        place = asked.zone or (zone if asked.needs_zone else UTC)
        told = in_utc if place is UTC else f"{_local(found, place)} {zone_name(found, place)} ({in_utc})"
        say(f'"{asked.text}" is {told}.')
    return found


def operators_zone(environment: Mapping[str, str], localtime: Path = LOCALTIME) -> tzinfo:
    """The zone of the process: of TZ, else of the system. Raises BadParameter where TZ names none."""
    name = environment.get("TZ", str(localtime)).removeprefix(":")
    if name != str(localtime):
        return _named(name)
    if not localtime.exists():
        return UTC
    _, _, key = str(localtime.resolve()).partition("/zoneinfo/")
    if key:
        return _named(key)
    with localtime.open("rb") as file:
        return ZoneInfo.from_file(file)


def _named(name: str) -> tzinfo:
    """A name as the system knows it. ``UTC+1`` is none: to POSIX it is an hour behind UTC, to people one ahead."""
    if name in ("", "UTC", "Etc/UTC"):
        return UTC
    _, found, key = name.partition("/zoneinfo/")
    try:
        return ZoneInfo(key if found else name)
    except (KeyError, OSError, ValueError):
        raise typer.BadParameter(
            f'TZ is "{name}", which is not a zone. Set it to an IANA name such as Europe/Oslo, or write the time with '
            "its zone, such as 2026-11-23T02:00+01:00."
        ) from None


async def _organizations_zone(connection: Connection, settings: Settings, scope: Scope) -> tzinfo | None:
    """The zone of the scope's organization; None where it names none, or where that can't be found or read."""
    from synkron.cron import parse_zone
    from synkron.source.reader import read_zones

    if scope.org_id is None and scope.integration_id is None:
        return None
    try:
        zones = await read_zones(connection, settings.source, scope.org_id, scope.integration_id)
    except (Refused, SourceTableMissing):
        return None
    try:
        found = {parse_zone(one) for one in zones}
    except ZoneError as error:
        raise typer.BadParameter(
            f"the organization's zone is invalid: {error}. Write the time with its zone, such as 2026-11-23T02:00Z."
        ) from None
    return found.pop() if len(found) == 1 else None


def _local(at: datetime, zone: tzinfo) -> str:
    """A moment as the clocks of the zone show it, with its weekday; seconds only where there are any."""
    local = at.astimezone(zone)
    return f"{local:%a %Y-%m-%d %H:%M}" + (f":{local:%S}" if local.second else "")
