"""Which integrations are paused. Pure: values in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from synkron.model import Integration, Occurrences, Pause


def hold(
    due: Iterable[Occurrences], pauses: Iterable[Pause], now: datetime
) -> tuple[list[Occurrences], list[Occurrences]]:
    """What is to be decided, and what is put on hold: integrations that are paused when they would run.

    A late moment would run now; a future one, at its own time.
    """
    by_scope: dict[tuple[str | None, str | None, str | None], list[Pause]] = defaultdict(list)
    for pause in pauses:
        by_scope[pause.scope].append(pause)
    free: list[Occurrences] = []
    held: list[Occurrences] = []
    for one in due:
        moment = max(now, one.moments[0])
        is_paused = any(
            pause.lasts_at(moment) for scope in _scopes(one.integration) for pause in by_scope.get(scope, ())
        )
        (held if is_paused else free).append(one)
    return free, held


def _scopes(one: Integration) -> list[tuple[str | None, str | None, str | None]]:
    """Every scope of a pause that would cover this integration."""
    return [
        (None, None, None),
        (one.org_id, None, None),
        (None, one.integration_type, None),
        (one.org_id, one.integration_type, None),
        (None, None, one.integration_id),
    ]
