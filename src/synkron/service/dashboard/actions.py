"""What people change from a page: each action says what it would do, and does it, by the functions of the commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from starlette.datastructures import FormData, QueryParams

from synkron.incidents.lifecycle import Silence
from synkron.incidents.store import incident
from synkron.model import Scope
from synkron.operations import acknowledge, backfill, pauses, runs, silences, trigger
from synkron.operations.backfill import AskedBackfill
from synkron.operations.pauses import AskedPause
from synkron.operations.silences import AskedSilence
from synkron.postgres.connection import Connection
from synkron.service.api.problem import Problem
from synkron.service.dashboard.viewer import Viewer
from synkron.settings.load import Settings
from synkron.text import duration

MOST = 1000
LONGEST_TEXT = 500
LENGTHS = ("1h", "4h", "24h", "7d")
# How many moments of a backfill its page lists.
LISTED = 20

Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for: the fields of a form, or of the address that leads to it."""

    view: Viewer
    connection: Connection
    settings: Settings
    fields: FormData | QueryParams

    @property
    def author(self) -> str:
        """Who asks, as the audit names them."""
        return self.view.actor.name if self.view.actor else ""

    @property
    def within(self) -> str | None:
        """The organization that whoever asks is tied to."""
        return self.view.actor.org_id if self.view.actor else None

    @property
    def integrations(self) -> Sequence[str]:
        """The integrations that are named, at least one."""
        found = [str(one) for one in dict.fromkeys(self.fields.getlist("integration"))]
        if not found:
            raise Problem(422, self.view.words.say("act.nothing_selected"))
        if len(found) > MOST or any("\0" in one or len(one) > LONGEST_TEXT for one in found):
            raise Problem(404, "There is no such integration.")
        return found

    @property
    def scopes(self) -> Sequence[Scope]:
        """The scopes of these."""
        return [Scope(integration_id=one) for one in self.integrations]

    def number(self, name: str) -> int:
        """The number in a field."""
        text = str(self.fields.get(name, ""))
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
            raise Problem(404, "There is no such number.")
        return int(text)

    def text(self, name: str, usual: str = "") -> str:
        """The text in a field."""
        found = str(self.fields.get(name, "")).strip() or usual
        if "\0" in found or len(found) > LONGEST_TEXT:
            raise Problem(422, f"{name}: at most {LONGEST_TEXT} characters are allowed, none of them null")
        return found

    @property
    def reason(self) -> str:
        """Why, as the audit keeps it."""
        return self.text("reason", self.view.words.say("act.no_reason"))

    @property
    def length(self) -> timedelta | None:
        """For how long; None for no end."""
        return duration(self.text("for")) if self.text("for") else None

    def moment(self, name: str) -> datetime:
        """A moment in UTC, as the field of a form writes it."""
        try:
            return datetime.fromisoformat(self.text(name)).replace(tzinfo=UTC)
        except ValueError:
            raise Problem(422, f"{name}: write a moment such as 2026-11-29T14:00, in UTC") from None

    def moments(self) -> AskedBackfill:
        """The range to backfill."""
        scope = Scope(self.within, integration_id=self.integrations[0])
        return AskedBackfill(scope, self.moment("from"), self.moment("to"))


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: whom it is about, in words, with facts. ``is_ready`` unless more has to be said first."""

    subject: str
    facts: Facts = field(default_factory=list)
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """``preview`` says what would happen; ``do`` does it, and says what was done. ``asks`` are the fields of its form."""

    preview: Callable[[Asked, datetime], Awaitable[Preview]]
    do: Callable[[Asked], Awaitable[str]]
    asks: Sequence[str] = ()
    is_grave: bool = False


async def _would_pause(asked: Asked, now: datetime) -> Preview:
    words, view = asked.view.words, asked.view
    plan = await pauses.plan_pause(
        asked.connection,
        asked.settings,
        AskedPause(asked.scopes, asked.reason, asked.length),
        now,
        within=asked.within,
    )
    facts = [(words.say("act.live"), words.number(plan.live)), (words.say("act.running"), words.number(plan.running))]
    facts.append((words.say("act.claimed"), words.number(plan.claimed)))
    if plan.ahead.first is not None:
        first = f"{view.relative(plan.ahead.first)} ({view.clock(plan.ahead.first)} UTC)"
        facts.append((words.say("act.first_held"), first))
    for one in plan.consequences:
        how = words.say(f"act.catch_up.{one.treatment.catch_up}")
        facts.append((words.say("act.afterwards", count=one.integrations), how))
    return Preview(plan.subject, facts)


async def _pause(asked: Asked) -> str:
    wanted = AskedPause(asked.scopes, asked.reason, asked.length)
    made = await pauses.pause(asked.connection, asked.settings, wanted, asked.author, within=asked.within)
    return asked.view.words.say("act.pause.done", count=len(made))


async def _would_resume(asked: Asked, now: datetime) -> Preview:
    words = asked.view.words
    plan = await pauses.plan_resume(asked.connection, asked.settings, asked.scopes, now, within=asked.within)
    facts = [(words.say("act.pauses"), words.number(len(plan.pauses)))]
    if plan.still_paused:
        facts.append((words.say("act.still_paused"), words.number(plan.still_paused)))
    for one in plan.consequences:
        how = words.say(f"act.catch_up.{one.treatment.catch_up}")
        facts.append((words.say("act.afterwards", count=one.integrations), how))
    return Preview(plan.subject, facts)


async def _resume(asked: Asked) -> str:
    made = await pauses.resume(asked.connection, asked.settings, asked.scopes, asked.author, within=asked.within)
    return asked.view.words.say("act.resume.done", count=len(made))


async def _would_trigger(asked: Asked, now: datetime) -> Preview:
    words, view = asked.view.words, asked.view
    plan = await trigger.plan_trigger(asked.connection, asked.settings, asked.scopes[0], now, within=asked.within)
    start = words.say("act.from_the_beginning") if plan.period_start is None else view.whole(plan.period_start)
    facts = [(words.say("act.period_start"), start), (words.say("act.period_end"), view.whole(plan.at))]
    if plan.behind is not None:
        facts.append((words.say("act.behind"), str(plan.behind)))
    return Preview(plan.subject, facts)


async def _trigger(asked: Asked) -> str:
    done = await trigger.trigger(
        asked.connection,
        asked.settings,
        asked.scopes[0],
        asked.author,
        asked.text("reason") or None,
        within=asked.within,
    )
    return asked.view.words.say("act.trigger.done", run=str(done.run_id))


async def _would_backfill(asked: Asked, now: datetime) -> Preview:
    words, view = asked.view.words, asked.view
    if not asked.text("from") or not asked.text("to"):
        return Preview("", is_ready=False)
    plan = await backfill.plan_backfill(asked.connection, asked.settings, asked.moments(), now, MOST)
    facts = [
        (words.say(f"act.fate.{fate.name.lower()}"), words.number(count))
        for fate, count in plan.counts.items()
        if count
    ]
    listed = [view.whole(one.scheduled_for) for one in plan.runs[:LISTED]]
    if listed:
        more = ["…"] if len(plan.runs) > LISTED else []
        facts.append((words.say("act.moments"), "; ".join([*listed, *more])))
    return Preview(plan.subject, facts, is_ready=bool(plan.runs))


async def _backfill(asked: Asked) -> str:
    _, made = await backfill.backfill(asked.connection, asked.settings, asked.moments(), asked.author, most=MOST)
    return asked.view.words.say("act.backfill.done", count=len(made))


async def _would_retry(asked: Asked, now: datetime) -> Preview:
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_retry(asked.connection, asked.settings, [number], now, within=asked.within)
    facts = [(words.say("act.key"), one.key) for one in plan.runs]
    if plan.paused:
        facts.append((words.say("state.paused"), words.say("act.waits_for_pause")))
    return Preview(words.say("act.run", number=str(number)), facts)


async def _retry(asked: Asked) -> str:
    number = asked.number("run")
    await runs.retry(asked.connection, asked.settings, [number], asked.author, within=asked.within)
    return asked.view.words.say("act.retry.done", run=str(number))


async def _would_cancel(asked: Asked, _: datetime) -> Preview:
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_cancel(asked.connection, [number], within=asked.within)
    facts = [(words.say("act.merged"), words.number(one.occurrences)) for one in plan.merged.values()]
    return Preview(words.say("act.run", number=str(number)), facts)


async def _cancel(asked: Asked) -> str:
    number = asked.number("run")
    await runs.cancel(asked.connection, [number], asked.author, asked.reason, within=asked.within)
    return asked.view.words.say("act.cancel.done", run=str(number))


async def _would_acknowledge(asked: Asked, _: datetime) -> Preview:
    found = await acknowledge.plan_acknowledge(asked.connection, asked.number("incident"), within=asked.within)
    return Preview(found.condition.title)


async def _acknowledge(asked: Asked) -> str:
    number = asked.number("incident")
    await acknowledge.acknowledge(asked.connection, number, asked.author, within=asked.within)
    return asked.view.words.say("act.acknowledge.done", incident=str(number))


async def _silence_of(asked: Asked) -> AskedSilence:
    """What an incident is about: its endpoint, or its organization and type."""
    found = await incident(asked.connection, asked.number("incident"))
    if found is None or asked.within not in (None, found[0].condition.org_id):
        raise Problem(404, f"There is no incident {asked.number('incident')}.")
    one = found[0].condition
    subject = Silence(endpoint=one.endpoint) if one.endpoint else Silence(one.org_id, one.integration_type)
    if subject == Silence():
        raise Problem(409, asked.view.words.say("act.silence.nothing"))
    return AskedSilence(subject, asked.reason, asked.length or timedelta(hours=4))


async def _would_silence(asked: Asked, now: datetime) -> Preview:
    words = asked.view.words
    plan = await silences.plan_silence(
        asked.connection, asked.settings, await _silence_of(asked), now, within=asked.within
    )
    return Preview(plan.subject, [(words.say("act.covers"), words.number(len(plan.incidents)))])


async def _silence(asked: Asked) -> str:
    made = await silences.silence(
        asked.connection, asked.settings, await _silence_of(asked), asked.author, within=asked.within
    )
    return asked.view.words.say("act.silence.done", until=f"{asked.view.clock(made.until)} UTC")


async def _would_unsilence(asked: Asked, now: datetime) -> Preview:
    plan = await silences.plan_unsilence(
        asked.connection, asked.settings, asked.number("silence"), now, within=asked.within
    )
    return Preview(plan.subject)


async def _unsilence(asked: Asked) -> str:
    await silences.unsilence(
        asked.connection, asked.settings, asked.number("silence"), asked.author, within=asked.within
    )
    return asked.view.words.say("act.unsilence.done")


ACTIONS: Mapping[str, Action] = {
    "pause": Action(_would_pause, _pause, ("reason", "for"), is_grave=True),
    "resume": Action(_would_resume, _resume),
    "trigger": Action(_would_trigger, _trigger, ("reason",)),
    "backfill": Action(_would_backfill, _backfill, ("range",)),
    "retry": Action(_would_retry, _retry),
    "cancel": Action(_would_cancel, _cancel, ("reason",), is_grave=True),
    "acknowledge": Action(_would_acknowledge, _acknowledge),
    "silence": Action(_would_silence, _silence, ("reason", "for")),
    "unsilence": Action(_would_unsilence, _unsilence),
}
