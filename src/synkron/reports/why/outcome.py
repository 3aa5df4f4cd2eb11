"""What happened to a run, as the end of a sentence that begins with the run."""

from __future__ import annotations

from datetime import timedelta

from synkron.model import Source, State
from synkron.reports.why.facts import Facts, RunFacts
from synkron.reports.why.words import at_attempt, clock
from synkron.text import counted, span

LATE = timedelta(minutes=5)


def outcome(run: RunFacts, facts: Facts) -> str:
    """``started at 02:00 (82 ms after its scheduled time) and succeeded on the first attempt``."""
    match run.state:
        case State.CLAIMED:
            return _waits(run, facts)
        case State.RUNNING if run.completes_by is not None:
            by = clock(run.completes_by, facts)
            return f"{_started(run, facts)}; its target accepted it and must complete it by {by}"
        case State.RUNNING:
            return f"{_started(run, facts)} and is running, {at_attempt(run.attempt)}"
        case State.SUCCEEDED:
            # What was missing from the response that reported success.
            but = f", but: {run.error}" if run.error else ""
            earlier = f" (earlier errors: {'; '.join(run.errors[-3:])})" if run.errors else ""
            return f"{_started(run, facts)} and succeeded {at_attempt(run.attempt)}{but}{_by_hand(run)}{earlier}"
        case State.FAILED:
            return f"{_started(run, facts)} and {_failed(run)}"
        case State.SKIPPED:
            return f"was not delivered: {run.reason}"


def _waits(run: RunFacts, facts: Facts) -> str:
    if run.deferred_at and run.deferred_until and run.deferred_until > facts.now:
        tried = f"{_started(run, facts)}, has had {counted(run.attempt, 'attempt')} and " if run.attempt else ""
        since, until = clock(run.deferred_at, facts), clock(run.deferred_until, facts)
        waits = f"has been waiting for its vendor since {since} and waits until {until} at most"
        return f"{tried}{waits}: {run.deferred_reason}"
    if run.attempt:
        last = f" ({run.errors[-1]})" if run.errors else ""
        tried = f"{_started(run, facts)}, has had {counted(run.attempt, 'attempt')}{last}"
        turn = "has been ready for the next since" if run.next_attempt_at <= facts.now else "is tried again at"
        return f"{tried} and {turn} {clock(run.next_attempt_at, facts)}"
    if run.next_attempt_at > facts.now:
        return f"is to start at {clock(run.next_attempt_at, facts)}"
    if facts.paused_now:
        return f'has not started: it is paused by {facts.paused_now.author} ("{facts.paused_now.reason}")'
    if facts.fault:
        return f"has not started, because its row can't run: {facts.fault}"
    if run.behind and run.behind_until:
        accepted = f"which its target accepted (202) and has until {clock(run.behind_until, facts)} to complete"
        return f"has not started: it waits behind run {run.behind} of its integration, {accepted}"
    if run.behind:
        return f"has not started: it waits behind run {run.behind} of its integration, which is running"
    return (
        f"has not started, although it has been ready since {clock(run.next_attempt_at, facts)}: no worker is running "
        "or free, or an older run of the integration has not finished"
    )


def _started(run: RunFacts, facts: Facts) -> str:
    if run.started_at is None:
        return "never started"
    started = f"started at {clock(run.started_at, facts)}"
    if run.source is not Source.SCHEDULE:
        return started
    late = run.started_at - run.scheduled_for
    how = f"{span(late)} late" if late > LATE else f"{span(late)} after its scheduled time"
    if run.execute_after > run.scheduled_for:
        how += f"; spread or pace moved it to {clock(run.execute_after, facts)}"
    return f"{started} ({how})"


def _failed(run: RunFacts) -> str:
    error = run.error or "unknown"
    if error.startswith(("cancelled by", "given up:")):
        return f"was {error}"
    last = "the error" if run.attempt == 1 else "the last error"
    return f"failed after {counted(run.attempt, 'attempt')}{_by_hand(run)}; {last}: {error}"


def _by_hand(run: RunFacts) -> str:
    return ", after it was retried by hand" if run.retries else ""
