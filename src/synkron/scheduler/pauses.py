"""Which integrations are paused. Pure: values in, values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from synkron.model import Integration, Occurrences, Scope
from synkron.text import own_name

# What is recorded where nobody wrote a reason: the tables take no empty one. A page says it in its language.
NOT_GIVEN = "no reason given"


@dataclass(frozen=True, slots=True)
class Pause:
    """Who must not run from ``starts_at`` up to ``until`` (None: until somebody resumes it), and why."""

    id: int
    org_id: str | None
    integration_type: str | None
    integration_id: str | None
    reason: str
    author: str
    starts_at: datetime
    until: datetime | None

    @property
    def scope(self) -> Scope:
        """What the pause applies to."""
        return Scope(self.org_id, self.integration_type, self.integration_id)

    @property
    def told(self) -> str:
        """By whom, without what kind of author that is, and why, if a reason was given."""
        by = f"by {own_name(self.author)}"
        return f"{by}: {self.reason}" if self.reason and self.reason != NOT_GIVEN else by

    def lasts_at(self, moment: datetime) -> bool:
        """Whether it is in force at the moment."""
        return self.starts_at <= moment and (self.until is None or moment < self.until)


def until_when(until: datetime | None) -> str:
    """How long a pause lasts, in words."""
    return "until it is resumed" if until is None else f"until {until:%Y-%m-%dT%H:%MZ}"


class Hold(StrEnum):
    """Why an integration's moments stay undecided: it is paused, or can't run for now."""

    PAUSE = "pause"
    TYPE = "type"
    ORGANIZATION = "organization"

    @property
    def cause(self) -> str:
        """The reason that is recorded for moments that were decided late because of it."""
        return _CAUSES[self]


_CAUSES = {
    Hold.PAUSE: "it was paused",
    Hold.TYPE: "its type was not known",
    Hold.ORGANIZATION: "its organization was missing",
}


def split_by_pause(
    due: Iterable[Occurrences], pauses: Iterable[Pause], now: datetime
) -> tuple[list[Occurrences], list[Occurrences]]:
    """What is to be decided, and what is put on hold: integrations that are paused when they would run.

    A late moment would run now; a future one, at its own time.
    """
    is_paused = paused_at(pauses)
    free: list[Occurrences] = []
    held: list[Occurrences] = []
    for one in due:
        (held if is_paused(one.integration, max(now, one.moments[0])) else free).append(one)
    return free, held


def paused_at(pauses: Iterable[Pause]) -> Callable[[Integration, datetime], bool]:
    """Answers whether one of the pauses holds an integration at a moment."""
    by_scope: dict[tuple[str | None, str | None, str | None], list[Pause]] = defaultdict(list)
    for pause in pauses:
        by_scope[pause.scope].append(pause)

    def is_paused(one: Integration, moment: datetime) -> bool:
        return bool(by_scope) and any(
            pause.lasts_at(moment) for scope in scopes_over(one) for pause in by_scope.get(scope, ())
        )

    return is_paused


def scopes_over(one: Integration) -> list[tuple[str | None, str | None, str | None]]:
    """Every scope of a pause that would cover this integration."""
    return [
        (None, None, None),
        (one.org_id, None, None),
        (None, one.integration_type, None),
        (one.org_id, one.integration_type, None),
        (None, None, one.integration_id),
    ]
