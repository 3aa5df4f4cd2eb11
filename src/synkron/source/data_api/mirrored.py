"""Rows of the Data API as columns of the mirror. Pure.

Whatever can't be used in a row is left in it: the statements that read the mirror say what is wrong. But of a text, no
more is kept than they need to tell that it is too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from synkron.cron.expression import MAX_LENGTH
from synkron.cron.zone import LARGEST_OFFSET_IN_MINUTES
from synkron.errors import SourceTableMissing
from synkron.settings.sections import SourceTables
from synkron.source.data_api.pages import Row
from synkron.source.data_api.rows import LONGEST_ZONE, instant_in, text_in, zone_in
from synkron.source.oddity import LONGEST_ID


def integration_columns(rows: Sequence[Row], tables: SourceTables) -> list[Sequence[object]]:
    """The columns id, org_id, integration_type, is_enabled, cron_schedule, updated_at. Raises SourceTableMissing."""
    for row in rows:
        if not isinstance(row["is_enabled"], bool | None):
            raise SourceTableMissing(
                f"{tables.integrations.table}.{tables.integrations.is_enabled} is not boolean; name the column that is "
                "in synkron.toml, as source.integrations.is_enabled"
            )
    return [
        *([_cut(row[name], LONGEST_ID) for row in rows] for name in ("id", "org_id", "integration_type")),
        [row["is_enabled"] for row in rows],
        [_cut(row["cron_schedule"], MAX_LENGTH) for row in rows],
        [_edited(row.get("updated_at")) for row in rows],
    ]


def organization_columns(rows: Iterable[Row]) -> list[Sequence[object]]:
    """The columns id, name, timezone."""
    found = [(row["id"], row.get("name"), _zone(row.get("timezone"))) for row in rows]
    return [
        [_cut(ident, LONGEST_ID) for ident, *_ in found],
        [_cut(name, LONGEST_ID) for _, name, _ in found],
        [_cut(zone, LONGEST_ZONE) for *_, zone in found],
    ]


def _edited(value: object) -> str | None:
    """The time as text. What is none becomes infinite, which the reports name as out of range."""
    moment, is_one = instant_in(value)
    return "infinity" if not is_one else None if moment is None else moment.isoformat()


def _cut(value: object, longest: int) -> str | None:
    text = text_in(value)
    return None if text is None else text[: longest + 1]


def _zone(value: object) -> str | None:
    """The zone as text. A number of minutes becomes an offset, because the mirror's column holds text."""
    zone = zone_in(value)
    if not isinstance(zone, Decimal):
        return zone
    is_offset = zone.is_finite() and zone.copy_abs() <= LARGEST_OFFSET_IN_MINUTES and zone == int(zone)
    hours, minutes = divmod(abs(int(zone)), 60) if is_offset else (0, 0)
    return f"{'-' if zone < 0 else '+'}{hours:02}:{minutes:02}" if is_offset else f"{zone} minutes"
