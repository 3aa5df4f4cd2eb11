"""What should have happened, and what did. Pure: evidence in, findings out; it knows nothing of Synkron's own code.

Schedules are plain UTC, so cronsim tells when they fire. What the harness edited is known with the host's time before
and after each edit; PostgreSQL tells the host's time of every commit (``track_commit_timestamp``). Ticks come one after
the other, so of an edit

- a tick that was committed before it saw the old row,
- the first tick that was committed after it, and any between, may have seen either,
- every later one saw the new row.

The moments that the uncertain ticks decided are excluded for that integration, and counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cronsim import CronSim


@dataclass(frozen=True)
class Edit:
    """A row as the harness made it: ``schedule`` is None for a row that is disabled or deleted. Host's times."""

    integration_id: str
    schedule: str | None
    before: datetime
    after: datetime


@dataclass(frozen=True)
class Tick:
    """A tick that was committed: ``decided`` is up to where, in the calendar's time."""

    committed: datetime
    decided: datetime


@dataclass(frozen=True)
class Row:
    """A row of the ledger. ``last_change`` is the host's time of the last commit that changed it."""

    id: int
    key: str
    integration_id: str
    scheduled_for: datetime
    period_start: datetime | None
    action: str
    source: str
    reason: str
    occurrences: int
    schedule: str | None
    state: str
    attempts: tuple[str | None, ...]
    last_change: datetime


@dataclass(frozen=True)
class Delivery:
    """What the receiver got. ``received`` is the host's time."""

    key: str
    run_id: int
    integration_id: str
    scheduled_for: datetime
    attempt: int
    received: datetime
    answer: str


@dataclass(frozen=True)
class Evidence:
    """All that is known of an experiment. Judged are the occurrences in (``first``, ``last``]."""

    edits: Sequence[Edit]
    ticks: Sequence[Tick]
    rows: Sequence[Row]
    deliveries: Sequence[Delivery]
    first: datetime
    last: datetime


@dataclass
class Findings:
    """Counts, and for every kind of violation the sentences that say what was found."""

    expected: int = 0
    excluded: int = 0
    runs: int = 0
    states: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0
    repeated: int = 0
    repeated_keys: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    finished_twice: list[str] = field(default_factory=list)
    after_finish: list[str] = field(default_factory=list)
    wrong_keys: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    broken_periods: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unended: list[str] = field(default_factory=list)

    @property
    def violations(self) -> dict[str, list[str]]:
        """What must be empty, by name."""
        return {
            "missed": self.missed,
            "doubled claims": self.doubled,
            "finished twice": self.finished_twice,
            "delivered after finish": self.after_finish,
            "wrong keys": self.wrong_keys,
            "unexpected rows": self.unexpected,
            "periods that do not tile": self.broken_periods,
            "skipped without a cause": self.skipped,
            "failed for good": self.failed,
            "never ended": self.unended,
        }


def judge(evidence: Evidence) -> Findings:
    """Compare what should have happened with what did."""
    judged = [row for row in evidence.rows if evidence.first < row.scheduled_for <= evidence.last]
    keys = Counter(one.key for one in evidence.deliveries)
    findings = Findings(
        runs=sum(row.action == "run" for row in judged),
        states=Counter(row.state for row in judged if row.action == "run"),
        deliveries=len(evidence.deliveries),
        repeated=sum(number - 1 for number in keys.values()),
        repeated_keys=sorted(key for key, number in keys.items() if number > 1),
        doubled=list(_doubled(evidence.rows)),
        finished_twice=list(_finished_twice(evidence.rows)),
        after_finish=list(_after_finish(evidence)),
        wrong_keys=list(_wrong_keys(evidence)),
        # The target never refuses for good, and each of its faults is shorter than a run's attempts last.
        failed=[_named(row) for row in judged if row.state == "failed"],
        unended=[_named(row) for row in judged if row.state in ("claimed", "running")],
    )
    _judge_occurrences(evidence, findings)
    return findings


@dataclass(frozen=True)
class _Stretch:
    """A schedule that certainly decided the moments in (``start``, ``end``]; None where there is none to decide."""

    schedule: str | None
    start: datetime
    end: datetime


def _judge_occurrences(evidence: Evidence, findings: Findings) -> None:
    moments_of = cache(_firing(evidence.first, evidence.last))
    rows = defaultdict(list)
    for row in evidence.rows:
        rows[row.integration_id].append(row)
    edits = defaultdict(list)
    for edit in evidence.edits:
        edits[edit.integration_id].append(edit)
    for integration_id in sorted(rows.keys() | edits.keys()):
        own = sorted(rows[integration_id], key=lambda row: row.scheduled_for)
        history = edits[integration_id]
        stretches = _stretches(history, evidence)
        certain: set[datetime] = set()
        for stretch in stretches:
            due = _within(moments_of(stretch.schedule), stretch.start, stretch.end)
            certain.update(due)
            findings.missed += [f"{integration_id} {moment:%d %H:%M}" for moment in due if not _stands(moment, own)]
        findings.broken_periods += _broken_periods(own)
        findings.expected += len(certain)
        findings.excluded += _excluded(history, stretches, moments_of, evidence)
        if len(history) == 1:
            findings.skipped += _skipped_without_a_cause(own)
        ever = {moment for edit in history for moment in moments_of(edit.schedule)}
        findings.unexpected += [
            _named(row)
            for row in own
            if evidence.first < row.scheduled_for <= evidence.last and row.scheduled_for not in ever
        ]


def _stretches(history: Sequence[Edit], evidence: Evidence) -> list[_Stretch]:
    """What each state of a row certainly decided."""
    ticks = sorted(evidence.ticks, key=lambda tick: tick.committed)
    decided: list[datetime] = []
    for tick in ticks:
        decided.append(max(tick.decided, decided[-1]) if decided else tick.decided)
    committed = [tick.committed for tick in ticks]

    def up_to(number: int, otherwise: datetime) -> datetime:
        """Up to where everything was decided by the first so many ticks."""
        return otherwise if number == 0 else decided[min(number, len(decided)) - 1]

    stretches = []
    for number, edit in enumerate(history):
        following = history[number + 1] if number + 1 < len(history) else None
        uncertain = bisect_right(committed, edit.after) + 1
        start = evidence.first if number == 0 else up_to(uncertain, evidence.first)
        if number > 0 and uncertain > len(decided):
            start = evidence.last
        seen = bisect_right(committed, following.before) if following else 0
        end = up_to(seen, evidence.first) if following else evidence.last
        stretches.append(_Stretch(edit.schedule, max(start, evidence.first), min(end, evidence.last)))
    return stretches


def _excluded(
    history: Sequence[Edit],
    stretches: Sequence[_Stretch],
    moments_of: Callable[[str | None], list[datetime]],
    evidence: Evidence,
) -> int:
    """How many occurrences of either state lie where nobody can tell which state decided them."""
    number = 0
    before = evidence.first
    for index, stretch in enumerate(stretches):
        if stretch.start > before:
            states = [edit.schedule for edit in history[max(index - 1, 0) : index + 1]]
            number += len({moment for one in states for moment in _within(moments_of(one), before, stretch.start)})
        before = max(before, stretch.end)
    return number


def _stands(moment: datetime, rows: Iterable[Row]) -> bool:
    """Whether a row stands for the moment: its own, or one that records many at once."""
    return any(
        row.scheduled_for == moment or (row.occurrences > 1 and _covers(row, moment))
        for row in rows
        if row.source in ("schedule", "catch_up")
    )


def _covers(row: Row, moment: datetime) -> bool:
    return moment < row.scheduled_for and (row.period_start is None or row.period_start < moment)


def _broken_periods(rows: Sequence[Row]) -> Iterator[str]:
    """Rows of an integration whose periods leave a hole or overlap, whatever their schedules were.

    Merged ones lie within the run they merged into. The period of a superseded run is the next one's, if it was
    superseded before that one was claimed.
    """
    begins: set[datetime | None] = set()
    for row in rows:
        if row.source not in ("schedule", "catch_up") or row.action == "merge":
            continue
        if begins and row.period_start not in begins:
            yield f"{_named(row)}: its period begins at {row.period_start}, not at {_listed(begins)}"
        is_superseded = row.state == "skipped" and row.reason.startswith("superseded")
        begins = {row.scheduled_for, *(begins or {row.period_start})} if is_superseded else {row.scheduled_for}


def _listed(moments: Iterable[datetime | None]) -> str:
    return " or ".join(sorted(map(str, moments)))


def _skipped_without_a_cause(rows: Iterable[Row]) -> Iterator[str]:
    """Runs that nobody delivered though their row called for them all the time; overlaps may be skipped by policy."""
    for row in rows:
        if row.action == "run" and row.state == "skipped" and not row.reason.startswith("overlap"):
            yield f"{_named(row)}: {row.reason}"


def _doubled(rows: Iterable[Row]) -> Iterator[str]:
    """Two rows that may be delivered for one moment, or with one key."""
    claimed = [row for row in rows if row.action == "run" and row.source in ("schedule", "catch_up")]
    by_moment = Counter((row.integration_id, row.scheduled_for) for row in claimed)
    by_key = Counter(row.key for row in claimed)
    for row in claimed:
        if by_moment[row.integration_id, row.scheduled_for] > 1 or by_key[row.key] > 1:
            yield _named(row)


def _finished_twice(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        if row.attempts.count("succeeded") > 1:
            yield _named(row)


def _after_finish(evidence: Evidence) -> Iterator[str]:
    """Without a margin: whatever led to the commit was stamped before it, by the same clock."""
    ended = {row.id: row for row in evidence.rows if row.state in ("succeeded", "failed", "skipped")}
    for one in evidence.deliveries:
        row = ended.get(one.run_id)
        if row is not None and one.received > row.last_change:
            late = (one.received - row.last_change) / timedelta(milliseconds=1)
            yield (
                f"{_named(row)} ({row.state}): attempt {one.attempt} of {'/'.join(map(str, row.attempts))} was "
                f"received {late:.1f} ms after the commit, at {one.received.isoformat()}"
            )


def _wrong_keys(evidence: Evidence) -> Iterator[str]:
    rows = {row.id: row for row in evidence.rows}
    keys: dict[tuple[str, datetime], str] = {}
    for one in evidence.deliveries:
        row = rows.get(one.run_id)
        if row is None or row.action != "run" or (row.key, row.scheduled_for) != (one.key, one.scheduled_for):
            yield f"run {one.run_id}: {one.key} was delivered, and the ledger has {row}"
        elif keys.setdefault((one.integration_id, one.scheduled_for), one.key) != one.key:
            yield f"{_named(row)}: delivered with {one.key} and {keys[one.integration_id, one.scheduled_for]}"


def _firing(first: datetime, last: datetime) -> Callable[[str | None], list[datetime]]:
    """The moments of a schedule in (first, last]."""

    def moments_of(schedule: str | None) -> list[datetime]:
        moments: list[datetime] = []
        if schedule is None:
            return moments
        for moment in CronSim(schedule, first.replace(tzinfo=None)):
            if moment.replace(tzinfo=UTC) > last:
                break
            moments.append(moment.replace(tzinfo=UTC))
        return moments

    return moments_of


def _within(moments: Sequence[datetime], start: datetime, end: datetime) -> Sequence[datetime]:
    return moments[bisect_right(moments, start) : bisect_right(moments, max(start, end))]


def _named(row: Row) -> str:
    return f"run {row.id} of {row.integration_id} {row.scheduled_for:%d %H:%M}"
