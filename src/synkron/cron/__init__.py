"""The cron language (rules C1-C19 and W1-W4, stated in docs/cron-language.md and docs/time.md). Pure.

``field`` and ``expression`` turn text into masks; ``pattern`` finds wall-clock minutes in a calendar without zones;
``timeline`` finds when the clocks of a zone change; ``occurrence`` combines these two. ``moment`` shares work between
expressions that are asked about the same minute. ``zone`` parses zones, ``describe`` and ``lint`` explain expressions.
"""

from synkron.cron.expression import Cron, parse
from synkron.cron.lint import CronWarning, lint
from synkron.cron.moment import MinuteRange, minute_range
from synkron.cron.zone import parse_zone

__all__ = ["Cron", "CronWarning", "MinuteRange", "lint", "minute_range", "parse", "parse_zone"]
