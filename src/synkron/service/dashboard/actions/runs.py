"""What is done with one run: retry and cancel."""

from __future__ import annotations

from datetime import datetime

from synkron.operations import runs
from synkron.service.dashboard.actions.asked import Asked, Preview


async def would_retry(asked: Asked, now: datetime) -> Preview:
    """With which key the run would be tried again."""
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_retry(asked.connection, asked.settings, [number], now, within=asked.within)
    facts = [(words.say("act.key"), one.key) for one in plan.runs]
    if plan.paused:
        facts.append((words.say("state.paused"), words.say("act.waits_for_pause")))
    return Preview(words.say("act.run", number=str(number)), facts)


async def retry(asked: Asked) -> str:
    """Give the run all its attempts again."""
    number = asked.number("run")
    await runs.retry(asked.connection, asked.settings, [number], asked.author, within=asked.within)
    return asked.view.words.say("act.retry.done", run=str(number))


async def would_cancel(asked: Asked, _: datetime) -> Preview:
    """What was merged into the run that would be cancelled."""
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_cancel(asked.connection, asked.settings, [number], within=asked.within)
    facts = [(words.say("act.merged"), words.number(one.occurrences)) for one in plan.merged.values()]
    return Preview(words.say("act.run", number=str(number)), facts)


async def cancel(asked: Asked) -> str:
    """Cancel the run."""
    number = asked.number("run")
    await runs.cancel(asked.connection, [number], asked.author, asked.reason, within=asked.within)
    return asked.view.words.say("act.cancel.done", run=str(number))
