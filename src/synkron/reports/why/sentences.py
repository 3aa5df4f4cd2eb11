"""The sentences: what happened to the minute, what operators changed, how the row is now, what can be done."""

from __future__ import annotations

from synkron.model import Action, Source
from synkron.reports.why.facts import Facts, RunFacts
from synkron.reports.why.outcome import outcome
from synkron.reports.why.row_now import advice, row
from synkron.reports.why.words import clock, ended, local, minute, name, pause_of
from synkron.scheduler.decide import HEAD_START
from synkron.scheduler.pauses import Hold

# How the part of a run's reason begins that says that the run followed its row (scheduler.moves.moved_note).
FOLLOWED = "its row"


def explain(facts: Facts) -> list[str]:
    """Why the integration did or did not run at the minute: the answer, the row as it is now, and what can be done."""
    answer = _decided(facts, facts.decided) if facts.decided else _undecided(facts)
    asked = [_asked(facts, run) for run in facts.asked]
    if facts.asked and not facts.decided and not facts.fires:
        answer = []
    changes = [f"{clock(one.at, facts)}: {one.action} of {one.subject} by {one.author}" for one in facts.audit]
    return [ended(one) for one in (*answer, *asked, *changes, *row(facts), *advice(facts))]


def _decided(facts: Facts, run: RunFacts) -> list[str]:
    if run.action is Action.RUN and run.source is Source.SCHEDULE:
        return [f"{_subject(facts)} is run {run.id}, which {outcome(run, facts)}", *_followed(run)]
    missed, at = f"{_subject(facts)} {_cause(facts, run)}", clock(run.claimed_at, facts)
    if run.action is Action.RUN:
        claimed = f"At {at} it was claimed as run {run.id}{_scope(run)}, which {outcome(run, facts)}"
        return [missed, claimed, *_followed(run)]
    if run.action is Action.MERGE and facts.into:
        into = facts.into
        if run.id > into.id:
            return _in_the_period_of(into, facts)
        to = f"run {into.id} ({clock(into.scheduled_for, facts)})"
        return [missed, f"At {at} it was merged into {to}, which {outcome(into, facts)}"]
    done = {Action.MERGE: "was merged", Action.SKIP: "was skipped", Action.EXPIRE: "expired"}[run.action]
    with_others = f" together with {run.occurrences - 1} others" if run.occurrences > 1 else ""
    return [missed, f"At {at} it {done}{with_others}: {run.reason.removeprefix('missed: ')}"]


def _undecided(facts: Facts) -> list[str]:
    if facts.moment > facts.now:
        return _ahead(facts)
    if not facts.exists:
        return [f"{name(facts)} is no longer in the table, and the ledger has no record of {minute(facts)}"]
    nothing = f"{name(facts)} did not run at {minute(facts)}"
    if facts.fault and facts.is_held and (facts.fires or facts.held_for is Hold.ORGANIZATION):
        return [f"{_subject(facts)} is on hold: {facts.fault}", "A tick decides it when that is corrected"]
    if facts.fault or facts.cron_schedule is None or not facts.is_enabled:
        return [f"{nothing}, and the ledger has no record of it"]
    if not facts.fires:
        return [f"{nothing}: it was not due", _nearest(facts)]
    return _not_decided(facts)


def _not_decided(facts: Facts) -> list[str]:
    """The current schedule includes the moment, and the ledger has no record of it."""
    subject = _subject(facts)
    held = facts.held_for
    if facts.is_held and held is not None and held is not Hold.PAUSE:
        return [f"{subject} was on hold: {held.cause}", "The next tick decides it"]
    if facts.is_held:
        by = f" {pause_of(facts.pauses[-1], facts)}" if facts.pauses else ""
        return [f"{subject} is on hold: paused{by}", "A tick decides it when the pause ends"]
    if facts.watermark is None:
        return [f"{subject} is undecided: no scheduler has ever ticked"]
    if facts.moment > facts.watermark:
        since = clock(facts.tick_before or facts.watermark, facts)
        return [f"{subject} is undecided: no scheduler has ticked since {since}", "The next tick decides it"]
    if facts.tick_before is None and not facts.was_watched:
        return [f"{subject} was never decided: no scheduler had ticked yet, and the first tick does not run the past"]
    if facts.into:
        return _in_the_period_of(facts.into, facts)
    since = "the row was added, enabled or edited later, or something is wrong"
    return [f"{subject} was never decided, although the current schedule includes it: {since}"]


def _in_the_period_of(run: RunFacts, facts: Facts) -> list[str]:
    """The run was claimed first, and covers the moment."""
    then = "its row could not run then, was disabled, or was edited later"
    covered = f"It is in the period of run {run.id} ({clock(run.scheduled_for, facts)}), which {outcome(run, facts)}"
    return [f"{_subject(facts)} was not decided: {then}", covered]


def _ahead(facts: Facts) -> list[str]:
    ahead = f"{minute(facts)} is in the future"
    if not facts.exists:
        return [f"{ahead}, and {name(facts)} is no longer in the table"]
    if facts.fault or facts.cron_schedule is None or not facts.is_enabled:
        return [f"{ahead}. With its row as it is now, {name(facts)} will not run then"]
    if not facts.fires:
        return [f"{ahead}. {name(facts)} is not due then", _nearest(facts)]
    paused = [f"It is then paused {pause_of(one, facts)}" for one in facts.pauses]
    decided = "the next tick decides it"
    if facts.moment - HEAD_START > facts.now:
        decided = f"the tick at {clock(facts.moment - HEAD_START, facts)} decides it"
    return [f"{ahead}. {name(facts)} is due then, and {decided}", *paused]


def _cause(facts: Facts, run: RunFacts) -> str:
    """Why it was not decided in time."""
    for hold in (Hold.TYPE, Hold.ORGANIZATION):
        if hold.cause in run.reason:
            return f"was on hold: {hold.cause}"
    if facts.pauses and (facts.was_watched or "it was paused" in run.reason):
        return f"was on hold: paused {pause_of(facts.pauses[-1], facts)}"
    if "it was paused" in run.reason:
        return "was on hold: it was paused"
    if facts.was_watched:
        return f"was not decided on time ({run.reason})"
    if facts.tick_after is None:
        return "was missed: no scheduler ticked then"
    if facts.tick_before is None:
        return f"was missed: no scheduler ticked before {clock(facts.tick_after, facts)}"
    before, after = clock(facts.tick_before, facts), clock(facts.tick_after, facts)
    return f"was missed: no scheduler ticked between {before} and {after}"


def _scope(run: RunFacts) -> str:
    """What else the reason says of a run for a missed moment, in brackets."""
    rest = "; ".join(part for part in run.reason.split("; ")[1:] if not part.startswith(FOLLOWED))
    return "" if rest in ("", "stands for one occurrence") else f" ({rest})"


def _followed(run: RunFacts) -> list[str]:
    """Says that the run followed its row to another type or organization."""
    moves = [part for part in run.reason.split("; ") if part.startswith(FOLLOWED)]
    return [f"After the claim {' and '.join(moves)}; the run followed it"] if moves else []


def _asked(facts: Facts, run: RunFacts) -> str:
    at = "" if run.source is Source.BACKFILL else f" at {run.scheduled_for:%H:%M:%S} UTC"
    whose = f"{name(facts)}, {minute(facts)}: run" if facts.decided is None and not facts.fires else "Run"
    return f"{whose} {run.id} was {run.reason}{at}; it {outcome(run, facts)}"


def _nearest(facts: Facts) -> str:
    near = [
        f"the previous occurrence is {local(facts.previous, facts)}" if facts.previous else "",
        f"the next one is {local(facts.following, facts)}" if facts.following else "",
    ]
    text = " and ".join(part for part in near if part)
    return text[0].upper() + text[1:] if text else "Its schedule never fires"


def _subject(facts: Facts) -> str:
    return f"{name(facts)} at {minute(facts)}"
