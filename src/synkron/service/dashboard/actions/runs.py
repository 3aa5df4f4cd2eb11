"""What is done with one run: retry and cancel.

All raise NotFound for a run that does not exist, or is of others than who asks is tied to, Refused for what its state
does not allow, and a Problem (404) for what is no number.
"""

from __future__ import annotations

from datetime import datetime

from synkron.operations import runs
from synkron.service.dashboard.actions.asked import Asked, Preview


async def would_retry(asked: Asked, now: datetime) -> Preview:
    """Say with which key the run would be tried again, and whether it would wait for a pause to end."""
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_retry(asked.connection, asked.settings, [number], now, within=asked.within)
    facts = [(words.say("act.key"), one.key) for one in plan.runs]
    if plan.paused:
        facts.append((words.say("state.paused"), words.say("act.waits_for_pause")))
    return Preview(words.say("act.run", number=str(number)), facts)


async def retry(asked: Asked) -> str:
    """Give the failed run all its attempts again; say its number."""
    number = asked.number("run")
    await runs.retry(asked.connection, asked.settings, [number], asked.author, within=asked.within)
    return asked.view.words.say("act.retry.done", run=str(number))


async def would_cancel(asked: Asked, _: datetime) -> Preview:
    """Say how many moments were merged into the run, all of which would be cancelled with it."""
    words, number = asked.view.words, asked.number("run")
    plan = await runs.plan_cancel(asked.connection, asked.settings, [number], within=asked.within)
    facts = [(words.say("act.merged"), words.number(one.occurrences)) for one in plan.merged.values()]
    return Preview(words.say("act.run", number=str(number)), facts)


async def cancel(asked: Asked) -> str:
    """End the run, which a worker may be delivering; say its number."""
    number = asked.number("run")
    await runs.cancel(asked.connection, [number], asked.author, asked.reason, within=asked.within)
    return asked.view.words.say("act.cancel.done", run=str(number))
