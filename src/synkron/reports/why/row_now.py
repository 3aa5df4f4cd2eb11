"""How the row stands now, and what can be done about the minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from synkron.model import Source, State
from synkron.reports.why.facts import Facts
from synkron.reports.why.words import pause_of

MINUTE = timedelta(minutes=1)


def row(facts: Facts) -> list[str]:
    """The row as it stands: enabled or not, its schedule in words, and the pause that it is under."""
    if not facts.exists:
        return ["The row is not in the table any more"] if facts.decided else []
    if facts.fault:
        return [f"As the row stands, it can't be fired: {facts.fault}"]
    if facts.cron_schedule is None:
        return [f"As the row stands, it has no schedule{'' if facts.is_enabled else ', and is disabled'}"]
    state = "enabled" if facts.is_enabled else "disabled"
    written = f'"{facts.cron_schedule}" in {facts.zone_name}'
    words = f"{(facts.described or '').rstrip('.')}{_differs(facts)}"
    return [f"As the row stands, it is {state}{_paused(facts)}; its schedule, {written}, says: {words}"]


def _paused(facts: Facts) -> str:
    if facts.paused_now is None:
        return ""
    if facts.paused_now in facts.pauses:
        return ", and paused still" if facts.moment <= facts.now else ", and paused"
    return f", and under the pause {pause_of(facts.paused_now, facts.moment)}"


def advice(facts: Facts) -> list[str]:
    """What an operator can do about it; nothing where there is nothing to be done."""
    run = facts.into or facts.decided
    failed = [one for one in (run, *facts.asked) if one is not None and one.state is State.FAILED]
    if failed:
        return [f"`synkron runs retry {one.id}` gives run {one.id} another chance with the same key" for one in failed]
    if not facts.exists:
        return []
    if facts.fault:
        return ["Correct the row; `synkron check` lists all that can't be fired"]
    if not facts.is_enabled:
        return [] if facts.decided else ["It runs again when the row is enabled"]
    if facts.paused_now and (run is None or run.state is State.CLAIMED):
        return [f"`synkron resume --number {facts.paused_now.id}` ends the pause"]
    if run is not None and run.state is State.CLAIMED and run.next_attempt_at <= facts.now:
        return ["`synkron nodes` lists the workers"]
    if run is not None and run.state is State.SKIPPED and facts.fires and not _was_backfilled(facts):
        return [f"Its period can be run by hand: `{_backfill(facts)}`"]
    if run is None and facts.fires and facts.moment <= facts.now:
        return _of_undecided(facts)
    return []


def _of_undecided(facts: Facts) -> list[str]:
    if _was_backfilled(facts) or facts.is_held:
        return []
    if facts.watermark is None:
        return ["Start a scheduler: `synkron run`"]
    if facts.moment > facts.watermark:
        return ["`synkron nodes` lists the schedulers"]
    return ["`synkron verify` tells what can be proven", f"To run it: `{_backfill(facts)}`"]


def _differs(facts: Facts) -> str:
    """What is to be said of the minute where the schedule as it stands and the ledger differ."""
    if facts.decided is not None:
        return "" if facts.fires else "; it does not fire at this minute any more"
    return "; it fires at this minute" if facts.fires and not facts.is_enabled else ""


def _was_backfilled(facts: Facts) -> bool:
    return any(one.source is Source.BACKFILL for one in facts.asked)


def _backfill(facts: Facts) -> str:
    start, end = _written(facts.moment), _written(facts.moment + MINUTE)
    return f"synkron backfill --integration {facts.integration_id} --from {start} --to {end}"


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"
