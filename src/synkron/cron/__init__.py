"""The cron language (rules C1-C19 and W1-W4, stated in docs/cron-language.md and docs/time.md). Pure.

Text becomes masks in ``field`` and ``expression``; ``pattern`` finds wall-clock minutes in a calendar without zones;
``timeline`` knows where the clocks of a zone change; ``occurrence`` brings the two together. ``moment`` shares the work
between expressions that are asked about the same minute. ``zone``, ``describe`` and ``lint`` stand beside them.
"""

from synkron.cron.expression import Cron, parse
from synkron.cron.lint import CronWarning, lint
from synkron.cron.moment import Span, span_between
from synkron.cron.zone import parse_zone

__all__ = ["Cron", "CronWarning", "Span", "lint", "parse", "parse_zone", "span_between"]
