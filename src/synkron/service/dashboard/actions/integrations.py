"""What is done with integrations: pause and resume, also whole organizations and types; run now, backfill.

All raise NotFound for what does not exist, or is of others than who asks is tied to, Refused for what is not possible
now, and a Problem (422) for a field that can't be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from synkron.model import Scope
from synkron.operations import backfill, pauses, trigger
from synkron.operations.backfill import BackfillPlan
from synkron.operations.pause_effects import PauseEffect
from synkron.operations.pauses import AskedPause
from synkron.operations.scope import Covered, covered, known_names, look_up
from synkron.service.dashboard.actions.asked import Asked, Facts, Preview
from synkron.service.dashboard.subjects import in_short, reason_in, subject
from synkron.service.dashboard.words import Words
from synkron.text import own_name

# How many moments of a backfill its page lists.
LISTED = 20


async def would_pause(asked: Asked, now: datetime) -> Preview:
    """Say how many integrations would pause, what of them is running, the first run on hold, and what follows."""
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
    return Preview(await _subject(asked, asked.scopes, plan.subject), facts + _afterwards(words, plan.consequences))


async def pause(asked: Asked) -> str:
    """Pause what is meant, all or none, for as long as is asked; say how many integrations, or else whom."""
    words, wanted = asked.view.words, AskedPause(asked.scopes, asked.reason, asked.length)
    made = await pauses.pause(asked.connection, asked.settings, wanted, asked.author, within=asked.within)
    if made[0].integration_id is not None:
        return words.say("act.pause.done", count=len(made))
    names = await known_names(asked.connection, asked.settings, [made[0].org_id])
    return words.say("act.pause.wide_done", whom=in_short(words, names, made[0].scope))


async def would_resume(asked: Asked, now: datetime) -> Preview:
    """Say how many pauses would end, and how what was missed in them is made up for."""
    words = asked.view.words
    plan = await pauses.plan_resume(asked.connection, asked.settings, asked.pauses, now, within=asked.within)
    if len(plan.pauses) == 1:
        [one] = plan.pauses
        facts = [(words.say("act.reason"), reason_in(words, one.reason)), (words.say("pause.by"), own_name(one.author))]
    else:
        facts = [(words.say("act.pauses"), words.number(len(plan.pauses)))]
    if plan.still_paused:
        facts.append((words.say("act.still_paused"), words.number(plan.still_paused)))
    scopes = [one.scope for one in plan.pauses]
    return Preview(await _subject(asked, scopes, plan.subject), facts + _afterwards(words, plan.consequences))


async def resume(asked: Asked) -> str:
    """End the pauses that are meant, all or none; say how many."""
    made = await pauses.resume(asked.connection, asked.settings, asked.pauses, asked.author, within=asked.within)
    return asked.view.words.say("act.resume.done", count=len(made))


async def would_trigger(asked: Asked, now: datetime) -> Preview:
    """Say which period the run would export, and behind which run it would wait."""
    words, view = asked.view.words, asked.view
    scope = Scope(integration_id=asked.integrations[0])
    plan = await trigger.plan_trigger(asked.connection, asked.settings, scope, now, within=asked.within)
    start = words.say("act.from_the_beginning") if plan.period_start is None else view.whole(plan.period_start)
    facts = [(words.say("act.period_start"), start), (words.say("act.period_end"), view.whole(plan.at))]
    if plan.behind is not None:
        facts.append((words.say("act.behind"), str(plan.behind)))
    return Preview(await _subject(asked, [scope], plan.subject), facts)


async def run_now(asked: Asked) -> str:
    """Make one run of the first integration, to be delivered now; say its number."""
    done = await trigger.trigger(
        asked.connection,
        asked.settings,
        Scope(integration_id=asked.integrations[0]),
        asked.author,
        asked.text("reason") or None,
        within=asked.within,
    )
    return asked.view.words.say("act.trigger.done", run=str(done.run_id))


async def would_backfill(asked: Asked, now: datetime) -> Preview:
    """Say what would become of each moment of the range; without a range, only whom it is about."""
    words, view = asked.view.words, asked.view
    if not asked.text("from") or not asked.text("to"):
        whom = Scope(asked.within, integration_id=asked.integrations[0])
        return Preview(_whom(asked, await look_up(asked.connection, asked.settings, whom)), is_ready=False)
    plan = await backfill.plan_backfill(asked.connection, asked.settings, asked.range(), now, backfill.MOST_UNASKED)
    facts = [
        (words.say(f"act.fate.{fate.name.lower()}"), words.number(count))
        for fate, count in plan.counts.items()
        if count
    ]
    listed = [view.whole(one.scheduled_for) for one in plan.runs[:LISTED]]
    if listed:
        more = ["…"] if len(plan.runs) > LISTED else []
        facts.append((words.say("act.moments"), "; ".join([*listed, *more])))
    return Preview(_whom(asked, plan), facts, is_ready=bool(plan.runs))


async def backfill_range(asked: Asked) -> str:
    """Make the runs of the range, at most MOST_UNASKED; say how many."""
    _, made = await backfill.backfill(
        asked.connection, asked.settings, asked.range(), asked.author, most=backfill.MOST_UNASKED
    )
    return asked.view.words.say("act.backfill.done", count=len(made))


async def _subject(asked: Asked, scopes: Sequence[Scope], in_words: str) -> str:
    """Whom it is about; of several, ``in_words``."""
    if len(scopes) > 1:
        return in_words
    return _whom(asked, await covered(asked.connection, asked.settings, scopes[0]))


def _whom(asked: Asked, found: Covered | BackfillPlan) -> str:
    """The organization and the type, with what it is below; of an integration whose row is gone, that it is."""
    return subject(asked.view.words, found.names, found.about)


def _afterwards(words: Words, consequences: Iterable[PauseEffect]) -> Facts:
    """For how many integrations what was missed is made up for, and how."""
    return [
        (words.say("act.afterwards", count=one.integrations), words.say(f"act.catch_up.{one.treatment.catch_up}"))
        for one in consequences
    ]
