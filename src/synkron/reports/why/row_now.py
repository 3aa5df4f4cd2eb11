"""The row as it is now, and what can be done about the minute."""

from __future__ import annotations

from datetime import timedelta

from synkron.model import Source, State
from synkron.reports.why.facts import Facts
from synkron.reports.why.words import pause_of

MINUTE = timedelta(minutes=1)


def row(facts: Facts) -> list[str]:
    """The row as it is now: enabled or not, paused or not, and its schedule in words."""
    if not facts.exists:
        return ["The row is no longer in the table"] if facts.decided else []
    if facts.fault:
        return [f"Currently, the row can't run: {facts.fault}"]
    if facts.cron_schedule is None:
        return [f"Currently, the row has no schedule{'' if facts.is_enabled else ', and is disabled'}"]
    state = "enabled" if facts.is_enabled else "disabled"
    written = f'"{facts.cron_schedule}" in {facts.zone_name}'
    words = f"{(facts.described or '').rstrip('.')}{_differs(facts)}"
    return [f"Currently, the row is {state}{_paused(facts)}. Its schedule, {written}, means: {words}"]


def _paused(facts: Facts) -> str:
    if facts.paused_now is None:
        return ""
    if facts.paused_now in facts.pauses:
        return ", and still paused" if facts.moment <= facts.now else ", and paused"
    return f", and paused {pause_of(facts.paused_now, facts)}"


def advice(facts: Facts) -> list[str]:
    """What an operator can do about it, if anything."""
    run = facts.into or facts.decided
    failed = [one for one in (run, *facts.asked) if one is not None and one.state is State.FAILED]
    if failed:
        return [f"`synkron runs retry {one.id}` tries run {one.id} again, with the same key" for one in failed]
    if not facts.exists:
        return []
    if facts.fault:
        return ["Correct the row; `synkron check` lists all rows that can't run"]
    if not facts.is_enabled:
        return [] if facts.decided else ["It runs again when the row is enabled"]
    if facts.paused_now and (run is None or run.state is State.CLAIMED):
        return [f"`synkron resume --number {facts.paused_now.id}` ends the pause"]
    if run is not None and run.state is State.CLAIMED and run.next_attempt_at <= facts.now:
        if run.behind:
            return [f"`synkron runs show {run.behind}` shows the run that is ahead, `synkron runs cancel` ends it"]
        return ["`synkron nodes` lists the workers"]
    if run is not None and run.state is State.SKIPPED and facts.fires and not _was_backfilled(facts):
        return [f"To run its period by hand: `{_backfill(facts)}`"]
    if run is None and facts.fires and facts.moment <= facts.now:
        return _of_undecided(facts)
    return []


def _of_undecided(facts: Facts) -> list[str]:
    if _was_backfilled(facts) or facts.is_held or facts.into:
        return []
    if facts.watermark is None:
        return ["Start a scheduler: `synkron run`"]
    if facts.moment > facts.watermark:
        return ["`synkron nodes` lists the schedulers"]
    return ["`synkron verify` reports what the ledger can prove", f"To run it: `{_backfill(facts)}`"]


def _differs(facts: Facts) -> str:
    """What to say of the minute if the current schedule and the ledger differ."""
    if facts.decided is not None:
        return "" if facts.fires else "; it no longer includes this minute"
    return "; it includes this minute" if facts.fires and not facts.is_enabled else ""


def _was_backfilled(facts: Facts) -> bool:
    return any(one.source is Source.BACKFILL for one in facts.asked)


def _backfill(facts: Facts) -> str:
    start, end = (f"{moment:%Y-%m-%dT%H:%MZ}" for moment in (facts.moment, facts.moment + MINUTE))
    return f"synkron backfill --integration {facts.integration_id} --from {start} --to {end}"
