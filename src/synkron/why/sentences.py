"""The sentences: what became of the minute, what operators did about it, and what would help."""

from __future__ import annotations

from datetime import datetime

from synkron.model import Action, Source, State
from synkron.why.facts import Facts, PauseFacts, RunFacts
from synkron.why.outcome import outcome
from synkron.why.words import clock, ended, moment_in


def explain(facts: Facts) -> list[str]:
    """Why the integration did or did not run at the minute: the answer first, then what else bears on it."""
    answer = _decided(facts, facts.decided) if facts.decided else _undecided(facts)
    asked = [_asked(facts, run) for run in facts.asked]
    if facts.asked and not facts.decided and not facts.fires:
        answer = []
    return [*map(ended, [*answer, *asked, *_changes(facts)])]


def _decided(facts: Facts, run: RunFacts) -> list[str]:
    if run.action is Action.RUN and run.source is Source.SCHEDULE:
        return [f"{_subject(facts)} is run {run.id}, which {outcome(run, facts)}", *_remedy(run)]
    missed, at = f"{_subject(facts)} {_cause(facts, run)}", clock(run.claimed_at, facts.moment)
    if run.action is Action.RUN:
        return [missed, f"At {at} it was claimed as run {run.id}, which {outcome(run, facts)}", *_remedy(run)]
    if run.action is Action.MERGE and facts.into:
        into = facts.into
        to = f"run {into.id} ({clock(into.scheduled_for, facts.moment)})"
        return [missed, f"At {at} it was merged into {to}, which {outcome(into, facts)}", *_remedy(into)]
    done = {Action.MERGE: "merged", Action.SKIP: "skipped", Action.EXPIRE: "given up as expired"}[run.action]
    with_others = f" together with {run.occurrences - 1} others" if run.occurrences > 1 else ""
    return [missed, f"At {at} it was {done}{with_others}: {run.reason}", _backfill(facts)]


def _undecided(facts: Facts) -> list[str]:
    if facts.moment > facts.now:
        return _ahead(facts)
    if not facts.exists:
        return [f"{_name(facts)} is not in the table any more, and the ledger has nothing of {_moment(facts)}"]
    nothing = f"{_name(facts)} did not run at {_moment(facts)}"
    if facts.fault:
        return [f"{nothing}: its row can't be fired as it stands: {facts.fault}"]
    if facts.cron_schedule is None:
        return [f"{nothing}: its row has no schedule"]
    if not facts.is_enabled:
        return [f"{nothing}: its row is disabled as it stands", _what_it_would(facts)]
    if not facts.fires:
        return [f"{nothing}: it was not due. {_schedule(facts)}", _nearest(facts)]
    return _not_decided(facts)


def _not_decided(facts: Facts) -> list[str]:
    """It fires at the moment as it stands, and the ledger has nothing of it."""
    subject = _subject(facts)
    if facts.held_since is not None and facts.held_since <= facts.moment:
        by = f" {_pause(facts, facts.pauses[-1])}" if facts.pauses else ""
        return [f"{subject} is held by a pause{by}", "What becomes of it is decided when the pause ends"]
    if facts.watermark is None:
        return [f"{subject} is undecided: no scheduler has ever ticked. Start one: `synkron run`"]
    if facts.moment > facts.watermark:
        since = clock(facts.tick_before or facts.watermark, facts.moment)
        return [f"{subject} is undecided: no scheduler has ticked since {since}", "The next tick decides it"]
    if facts.tick_before is None and not facts.was_watched:
        return [f"{subject} was never decided: no scheduler had ticked by then, and a first tick never fires the past"]
    since = "the row was added, enabled or edited since, or something is wrong"
    return [
        f"{subject} was never decided, though the schedule as it stands fires then: {since}",
        "`synkron verify` says what can be proven",
    ]


def _ahead(facts: Facts) -> list[str]:
    lies = f"{_moment(facts)} lies ahead"
    if not facts.exists:
        return [f"{lies}, and {_name(facts)} is not in the table any more"]
    if facts.fault:
        return [f"{lies}. {_name(facts)} will not run, as its row can't be fired: {facts.fault}"]
    if facts.cron_schedule is None or not facts.is_enabled:
        why = "is disabled" if facts.cron_schedule else "has no schedule"
        return [f"{lies}. {_name(facts)} will not run, as its row {why}"]
    pauses = [f"By then it is under the pause {_pause(facts, one)}" for one in facts.pauses]
    if facts.fires:
        return [f"{lies}. {_name(facts)} is due then, and will run. {_schedule(facts)}", *pauses]
    return [f"{lies}. {_name(facts)} is not due then. {_schedule(facts)}", _nearest(facts)]


def _cause(facts: Facts, run: RunFacts) -> str:
    """Why it was not decided in time."""
    if facts.pauses and (facts.was_watched or "it was paused" in run.reason):
        return f"was held by the pause {_pause(facts, facts.pauses[-1])}"
    if facts.was_watched:
        return f"was not decided at its moment ({run.reason})"
    if facts.tick_after is None:
        return "was missed: no scheduler ticked then"
    if facts.tick_before is None:
        return f"was missed: no scheduler ticked before {clock(facts.tick_after, facts.moment)}"
    before, after = clock(facts.tick_before, facts.moment), clock(facts.tick_after, facts.moment)
    return f"was missed: no scheduler ticked between {before} and {after}"


def _asked(facts: Facts, run: RunFacts) -> str:
    """A run that an operator asked for."""
    at = "" if run.source is Source.BACKFILL else f" at {run.scheduled_for:%H:%M:%S} UTC"
    whose = f"{_name(facts)}, {_moment(facts)}: run" if facts.decided is None and not facts.fires else "Run"
    return f"{whose} {run.id} was {run.reason}{at} and {outcome(run, facts)}"


def _changes(facts: Facts) -> list[str]:
    """What the audit has of it."""
    return [f"{clock(one.at, facts.moment)}: {one.action} of {one.subject} by {one.author}" for one in facts.audit]


def _remedy(run: RunFacts) -> list[str]:
    if run.state is not State.FAILED:
        return []
    return [f"`synkron runs retry {run.id}` gives it another chance with the same key"]


def _backfill(facts: Facts) -> str:
    return f"Its period can be run by hand: `synkron backfill --integration {facts.integration_id}`"


def _nearest(facts: Facts) -> str:
    near = [
        f"the last one before is {_at(facts.previous, facts)}" if facts.previous else "",
        f"the next one is {_at(facts.following, facts)}" if facts.following else "",
    ]
    text = " and ".join(part for part in near if part)
    return text[0].upper() + text[1:] if text else "It never fires"


def _what_it_would(facts: Facts) -> str:
    fires = "fires then" if facts.fires else "does not fire then either"
    return f'Its schedule, "{facts.cron_schedule}", {fires}'


def _schedule(facts: Facts) -> str:
    return f'Its schedule, "{facts.cron_schedule}" in {facts.zone_name}, says: {facts.described or ""}'.rstrip(".")


def _pause(facts: Facts, pause: PauseFacts) -> str:
    until = f"to {clock(pause.ended_at, facts.moment)}" if pause.ended_at else "on, until somebody resumes it"
    return f'that {pause.author} began ("{pause.reason}"; from {clock(pause.starts_at, facts.moment)} {until})'


def _name(facts: Facts) -> str:
    return f"{facts.organization}'s {facts.integration_type}"


def _subject(facts: Facts) -> str:
    return f"{_name(facts)} of {_moment(facts)}"


def _moment(facts: Facts) -> str:
    return _at(facts.moment, facts)


def _at(moment: datetime, facts: Facts) -> str:
    return moment_in(moment, facts.zone, facts.zone_name)
