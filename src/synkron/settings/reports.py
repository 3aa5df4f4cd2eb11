"""The reports that are announced each morning."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TypeAlias

from pydantic_core import PydanticCustomError

from synkron.settings.sections import Section
from synkron.settings.values import ChannelName, ReportName, TimeOfDay, TypeName, ZoneName


class RangeKind(StrEnum):
    """What a report is about, on the clocks of its zone. The settings may write ``night`` for the last one."""

    LAST_NIGHT = "last_night"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @classmethod
    def _missing_(cls, value: object) -> RangeKind | None:
        return cls.LAST_NIGHT if value == "night" else None


class ReportSettings(Section):
    """A report: when it is due, of which time and types, and to which channels it goes; all, if none is named.

    It is about the last whole range. A week's is due on Mondays, and a month's on the first.
    """

    name: ReportName
    at: TimeOfDay = "07:00"
    zone: ZoneName = "UTC"
    range: RangeKind = RangeKind.LAST_NIGHT
    types: tuple[TypeName, ...] = ()
    channels: tuple[ChannelName, ...] = ()


Reports: TypeAlias = tuple[ReportSettings, ...]


def checked(reports: Reports, channels: Collection[str]) -> None:
    """Each has a name of its own, and a channel that exists: it would go nowhere otherwise."""
    names = [one.name for one in reports]
    for one in reports:
        if names.count(one.name) > 1:
            raise PydanticCustomError("report", "expected one report of the name {name}", {"name": one.name})
        if not channels or not set(one.channels) <= set(channels):
            raise PydanticCustomError(
                "report", "expected a channel of announce.channels for the report {name}", {"name": one.name}
            )
