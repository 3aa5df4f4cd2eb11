"""What somebody asks for from a page, what would happen, and what is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.datastructures import FormData, QueryParams

from synkron.model import Scope
from synkron.operations.access.actor import Actor
from synkron.operations.backfill import AskedBackfill
from synkron.postgres.connection import Connection
from synkron.scheduler.pauses import NOT_GIVEN
from synkron.service.api.access import organization_of
from synkron.service.api.parameters import LONGEST_ID, MOST_AT_ONCE, YEARS, recorded_number
from synkron.service.api.problem import Problem
from synkron.service.api.served import Served
from synkron.service.dashboard.viewer import Viewer
from synkron.settings.load import Settings
from synkron.text import EARLIEST, LATEST, is_storable, written, written_span

LENGTHS = ("1h", "4h", "24h", "7d")
ONE_WAY = "Name integrations, or an organization and a type, or (to resume) one pause."

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for: the fields of a form, or of the address that leads to it."""

    view: Viewer
    actor: Actor
    connection: Connection
    parts: Served
    fields: FormData | QueryParams

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.parts.settings

    @property
    def author(self) -> str:
        """Who asks, as the audit names them."""
        return self.actor.name

    @property
    def within(self) -> str | None:
        """The organization that whoever asks is tied to."""
        return self.actor.org_id

    @property
    def integrations(self) -> Sequence[str]:
        """The integrations that are named, at least one."""
        found = [str(one) for one in dict.fromkeys(self.fields.getlist("integration"))]
        if not found:
            raise Problem(422, self.view.words.say("act.nothing_selected"))
        if len(found) > MOST_AT_ONCE:
            raise Problem(422, f"integration: at most {MOST_AT_ONCE:,} may be named at once")
        if not all(is_id(one) for one in found):
            raise Problem(404, "There is no such integration.")
        return found

    @property
    def scopes(self) -> Sequence[Scope]:
        """What is meant: each integration that is named, or else an organization, a type, or that of the other."""
        org_id, kind = (str(self.fields.get(name, "")) or None for name in ("org", "type"))
        if org_id is None and kind is None:
            return [Scope(integration_id=one) for one in self.integrations]
        if "integration" in self.fields:
            raise Problem(422, ONE_WAY)
        if not all(is_id(one) for one in (org_id, kind) if one is not None):
            raise Problem(404, "There is no such organization or type.")
        return [Scope(organization_of(self.actor, self.settings, org_id), kind)]

    @property
    def pauses(self) -> Sequence[int | Scope]:
        """The pause that is named by its number, or else those of exactly what is meant."""
        if "pause" not in self.fields:
            return self.scopes
        if not self.fields.keys().isdisjoint(("integration", "org", "type")):
            raise Problem(422, ONE_WAY)
        return [self.number("pause")]

    def number(self, name: str) -> int:
        """The number in a field."""
        found = recorded_number(str(self.fields.get(name, "")))
        if found is None:
            raise Problem(404, "There is no such number.")
        return found

    def text(self, name: str, usual: str = "") -> str:
        """The text in a field, by the rule of all texts that are kept."""
        found = str(self.fields.get(name, "")).strip() or usual
        try:
            return written(found) if found else ""
        except ValueError as error:
            raise Problem(422, f"{name}: {error}") from None

    @property
    def reason(self) -> str:
        """Why, as the audit keeps it."""
        return self.text("reason", NOT_GIVEN)

    @property
    def length(self) -> timedelta | None:
        """For how long; None for no end."""
        text = self.text("for")
        try:
            return written_span(text) if text else None
        except ValueError as error:
            raise Problem(422, f"for: {error}") from None

    def moment(self, name: str) -> datetime:
        """A moment in UTC, as the field of a form writes it: without an offset."""
        with suppress(ValueError):
            found = datetime.fromisoformat(self.text(name))
            if found.tzinfo is None and EARLIEST <= found.replace(tzinfo=UTC) < LATEST:
                return found.replace(tzinfo=UTC)
        raise Problem(422, f"{name}: write a moment in UTC, {YEARS}, such as 2026-11-29T14:00, without an offset")

    def range(self) -> AskedBackfill:
        """The range to backfill."""
        scope = Scope(self.within, integration_id=self.integrations[0])
        return AskedBackfill(scope, self.moment("from"), self.moment("to"))


def is_id(text: str) -> bool:
    """Whether the text may be an id at all: the database is asked of no other."""
    return len(text) <= LONGEST_ID and is_storable(text)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: whom it is about, in words, with facts. ``is_ready`` unless more has to be said first."""

    subject: str
    facts: Facts = field(default_factory=list)
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """``preview`` says what would happen; ``do`` does it, and says what was done.

    ``named`` says what it is done with; ``several`` of these may come more than once. ``asks`` are fields of its form.
    """

    preview: Callable[[Asked, datetime], Awaitable[Preview]]
    do: Callable[[Asked], Awaitable[str]]
    named: Sequence[str]
    asks: Sequence[str] = ()
    several: Sequence[str] = ()
