"""Rows of the Data API as integrations. Pure.

What can't be used in a row is named in the same way as by the statements for PostgreSQL (``row.sql``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from synkron.cron.expression import MAX_LENGTH
from synkron.model import Integration
from synkron.source.data_api.pages import Row, unusable
from synkron.source.oddity import LONGEST_ID, NOTHING

LONGEST_ZONE = 512


def integrations_in(rows: Iterable[Row], place: str) -> list[Integration]:
    """The enabled integrations in the rows. Raises DataApiError if a row is not what was asked for."""
    found = [_integration(row, place) for row in rows]
    times = Counter(one.integration_id for one in found if one.has_own_id)
    return [replace(one, oddity="id twice") if times[one.integration_id] > 1 else one for one in found]


def _integration(row: Row, place: str) -> Integration:
    try:
        organization = row["organization"]
        given = {name: text_in(row[name]) for name in ("id", "org_id", "integration_type", "cron_schedule")}
    except KeyError as error:
        raise unusable(place, f"answered with a row that has no {error.args[0]}") from None
    if organization is not None and not isinstance(organization, dict):
        raise unusable(place, "answered with a row whose organization is not one row")
    zone = zone_in(organization.get("timezone")) if organization else None
    updated_at, is_in_range = instant_in(row.get("updated_at"))
    schedule = given["cron_schedule"]
    return Integration(
        integration_id=_cut(given["id"]),
        org_id=_cut(given["org_id"]),
        integration_type=_cut(given["integration_type"]),
        is_enabled=True,
        # One character more than is allowed, so that it is still refused as too long.
        cron_schedule=None if schedule is None else schedule[: MAX_LENGTH + 1],
        organization_exists=organization is not None,
        timezone=zone[:LONGEST_ZONE] if isinstance(zone, str) else zone,
        updated_at=updated_at,
        oddity=_oddity(given, zone, is_in_range=is_in_range),
    )


def _oddity(given: dict[str, str | None], zone: str | Decimal | None, *, is_in_range: bool) -> str | None:
    for name in ("id", "org_id"):
        value = given[name]
        if value is None:
            return f"{name} null"
        if len(value.encode()) > LONGEST_ID:
            return f"{name} long"
    if given["integration_type"] is None:
        return "integration_type null"
    if isinstance(zone, str) and len(zone.encode()) > LONGEST_ZONE:
        return "timezone long"
    return None if is_in_range else "updated_at range"


def text_in(value: object) -> str | None:
    """The value of a column that should be text."""
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


def _cut(value: str | None) -> str:
    return NOTHING if value is None else value[:LONGEST_ID]


def zone_in(value: object) -> str | Decimal | None:
    """Text, or a number of minutes. The column may be of any type, for example an array."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    return text_in(value)


def instant_in(value: object) -> tuple[datetime | None, bool]:
    """The time, and whether it is one. Without a zone it is in UTC, which is the Data API's."""
    if value is None:
        return None, True
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), True
    except (ValueError, OverflowError):
        return None, False
