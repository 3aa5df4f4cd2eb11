"""The memo of parsed expressions and zones. Pure."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, tzinfo
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import or_
from typing import Any

from synkron.cron import Cron, minute_range, parse, parse_zone
from synkron.cron.expression import MAX_LENGTH
from synkron.errors import CronError, ZoneError
from synkron.model import Window

Zone = str | int | Decimal | None
# Far more distinct texts than a fleet has. At this size the memo is emptied, which only costs time.
MEMO_LIMIT = 200_000


# requirement R5
class ParsedTexts:
    """A bounded memo from text to parsed value. It can't be stale: parsing depends on the text alone (R5).

    A text too long to be an expression is not remembered, because it could be of any size.
    """

    def __init__(self) -> None:
        self._expressions: dict[str, Cron | CronError] = {}
        self._zones: dict[Zone, tzinfo | ZoneError] = {}
        self._in_order: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been parsed yet."""
        return not self._expressions

    def expression(self, text: str) -> Cron | CronError:
        """The parsed expression, or why it is malformed."""
        if text in self._expressions:
            return self._expressions[text]
        try:
            found: Cron | CronError = parse(text)
        except CronError as error:
            found = error.with_traceback(None)
        if len(text) <= MAX_LENGTH:
            _make_room(self._expressions)
            self._expressions[text] = found
            self._in_order = []
        return found

    def zone(self, value: object) -> tzinfo | ZoneError:
        """The zone, or why it is unknown. None is UTC. The column may be of any type, for example an array."""
        if isinstance(value, Zone) and value in self._zones:
            return self._zones[value]
        try:
            found: tzinfo | ZoneError = parse_zone(value)  # type: ignore[arg-type]
        except ZoneError as error:
            found = error.with_traceback(None)
        if isinstance(value, Zone) and value == value:  # NaN equals no key, so it would never be found.
            _make_room(self._zones)
            self._zones[value] = found
        return found

    def recorded_zone(self, text: str | None) -> tzinfo | ZoneError:
        """A zone that the ledger stores as text; in the application's table it may be a number of minutes."""
        zone = self.zone(text)
        if isinstance(zone, ZoneError) and text is not None:
            with suppress(InvalidOperation):
                return self.zone(Decimal(text))
        return zone

    def expressions(self) -> list[str]:
        """Every expression parsed so far, and the empty text, in the order of their UTF-8 bytes."""
        if not self._in_order:
            self._in_order = sorted({"", *self._expressions})
        return self._in_order

    def zones(self) -> list[str]:
        """Every valid zone parsed so far, as the database writes it, and the empty text, in the same order."""
        known = (str(value) for value, zone in self._zones.items() if value is not None and isinstance(zone, tzinfo))
        return sorted({"", *known})

    def expressions_to_read(self, window: Window) -> list[str]:
        """The known expressions that fire in the window in some known zone, and all known malformed ones.

        The empty text is always included.
        """
        zones = {UTC, *(zone for zone in self._zones.values() if isinstance(zone, tzinfo))}
        ranges = {minute_range(window.start, window.end, zone) for zone in zones}
        minutes = reduce(or_, (one.minutes for one in ranges))
        return [
            "",
            *(
                text
                for text, cron in self._expressions.items()
                if isinstance(cron, CronError)
                or (cron.minutes & minutes and any(cron.fires_within(one) for one in ranges))
            ),
        ]


def _make_room(memo: dict[Any, Any]) -> None:
    if len(memo) >= MEMO_LIMIT:
        memo.clear()


KNOWN = ParsedTexts()
