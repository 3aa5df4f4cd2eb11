"""The oracle finds what is wrong, and nothing else: made-up experiments, each with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.oracle import Delivery, Edit, Evidence, Row, Tick, judge

ONE, OTHER = "one", "other"
REAL = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    """The calendar's time."""
    return datetime(2025, 3, 29, 22, 0, tzinfo=UTC) + timedelta(minutes=minute)


def real(minute: float) -> datetime:
    """When the calendar shows that, on a host whose clock is twenty times as slow."""
    return REAL + timedelta(minutes=minute) / 20


def row(minute: int, **different: object) -> Row:
    """A run of `one`, which fires every minute, delivered in ten seconds."""
    usual = Row(
        id=minute,
        key=f"key {minute}",
        integration_id=ONE,
        scheduled_for=at(minute),
        period_start=at(minute - 1),
        action="run",
        source="schedule",
        reason="on time",
        occurrences=1,
        schedule="* * * * *",
        state="succeeded",
        attempts=("succeeded",),
        last_change=real(minute + 1 / 6),
    )
    return replace(usual, **different)  # type: ignore[arg-type]


def delivery(minute: int, *, late: float = 0.0, **different: object) -> Delivery:
    """What the receiver got of that run, `late` minutes after its moment."""
    usual = Delivery(f"key {minute}", minute, ONE, at(minute), 1, real(minute + late), "200")
    return replace(usual, **different)  # type: ignore[arg-type]


ROWS = [row(minute) for minute in range(1, 11)]
USUAL = Evidence(
    edits=[Edit(ONE, "* * * * *", real(0), real(0))],
    ticks=[Tick(real(half / 2 - 0.5), at(half / 2)) for half in range(22)],
    rows=ROWS,
    deliveries=[delivery(minute) for minute in range(1, 11)],
    first=at(0),
    last=at(10),
)


def without(minute: int) -> list[Row]:
    """The rows without that minute's, the next one's period beginning where the one before it ended."""
    rows = [one for one in ROWS if one.scheduled_for != at(minute)]
    return [replace(one, period_start=at(minute - 1)) if one.id == minute + 1 else one for one in rows]


def instead(changed: Row) -> list[Row]:
    """The rows with that one in its place."""
    return [changed if one.id == changed.id else one for one in ROWS]


def not_of(*minutes: int) -> list[Delivery]:
    """The deliveries without those of these minutes."""
    return [one for one in USUAL.deliveries if one.run_id not in minutes]


ADDED = [Edit(OTHER, None, real(0), real(0)), Edit(OTHER, "*/8 * * * *", real(2), real(2))]
RARER = [Edit(ONE, "* * * * *", real(0), real(0)), Edit(ONE, "*/2 * * * *", real(4.6), real(4.7))]
EDITED = replace(
    USUAL,
    edits=RARER,
    rows=[*ROWS[:5], *(row(minute, period_start=at(max(minute - 2, 5))) for minute in (6, 8, 10))],
    deliveries=not_of(7, 9),
)
MERGED = [row(minute, action="merge", state="skipped") for minute in (3, 4)]

WRONG: dict[str, tuple[Evidence, dict[str, object]]] = {
    "an occurrence that no row stands for": (
        replace(USUAL, rows=without(5), deliveries=not_of(5)),
        {"missed": ["one 29 22:05"]},
    ),
    "two rows that may be delivered for one moment": (
        replace(USUAL, rows=[*ROWS, row(5, id=99, key="another", period_start=at(5))]),
        {"doubled claims": ["run 5 of one 29 22:05", "run 99 of one 29 22:05"]},
    ),
    "two rows with one key": (
        replace(USUAL, rows=instead(row(5, key="key 4")), deliveries=not_of(5)),
        {"doubled claims": ["run 4 of one 29 22:04", "run 5 of one 29 22:05"]},
    ),
    "a run that finished twice": (
        replace(USUAL, rows=instead(row(5, attempts=("succeeded", "succeeded")))),
        {"finished twice": ["run 5 of one 29 22:05"]},
    ),
    "a delivery after the run had finished": (
        replace(USUAL, deliveries=[*USUAL.deliveries, delivery(5, late=0.5, attempt=2)]),
        {"delivered after finish": 1},
    ),
    "a delivery one millisecond after the run had finished": (
        replace(
            USUAL,
            deliveries=[*USUAL.deliveries, delivery(5, received=real(5 + 1 / 6) + timedelta(milliseconds=1))],
        ),
        {"delivered after finish": 1},
    ),
    "a delivery after the run was skipped": (
        replace(USUAL, rows=instead(row(5, state="skipped", reason="overlap: ...", last_change=real(4.9)))),
        {"delivered after finish": 1},
    ),
    "a run that was skipped though its row called for it": (
        replace(USUAL, rows=instead(row(5, state="skipped", reason="superseded: ...")), deliveries=not_of(5)),
        {"skipped without a cause": ["run 5 of one 29 22:05: superseded: ..."]},
    ),
    "a delivery with another key": (
        replace(USUAL, deliveries=[delivery(5, key="made up"), *USUAL.deliveries]),
        {"wrong keys": 1},
    ),
    "a delivery that the ledger knows nothing of": (
        replace(USUAL, deliveries=[*USUAL.deliveries, delivery(5, run_id=1000)]),
        {"wrong keys": 1},
    ),
    "a delivery of what was merged": (
        replace(
            USUAL, rows=[*instead(row(5, action="merge", state="skipped", last_change=real(99))), row(6, id=6)][:10]
        ),
        {"wrong keys": 1, "periods that do not tile": 1},
    ),
    "a row at a moment at which nothing fires": (
        replace(USUAL, rows=[*ROWS, row(5, id=99, integration_id=OTHER, key="another")]),
        {"unexpected rows": ["run 99 of other 29 22:05"]},
    ),
    "a period with a hole before it": (
        replace(USUAL, rows=instead(row(5, period_start=at(4.5)))),
        {"periods that do not tile": 1},
    ),
    "a superseded run, whose time the next one takes over": (
        replace(
            USUAL,
            rows=[
                *ROWS[:4],
                row(5, state="skipped", reason="superseded: ..."),
                row(6, period_start=at(4)),
                *ROWS[6:],
            ],
            deliveries=not_of(5),
        ),
        {"skipped without a cause": ["run 5 of one 29 22:05: superseded: ..."]},
    ),
    "a period that overlaps the one before": (
        replace(USUAL, rows=instead(row(5, period_start=at(3)))),
        {"periods that do not tile": 1},
    ),
    "a period that leaves a hole after an edit": (
        replace(EDITED, rows=[*EDITED.rows[:5], row(6, period_start=at(5.5)), *EDITED.rows[6:]]),
        {"periods that do not tile": 1},
    ),
    "a run that failed": (
        replace(USUAL, rows=instead(row(5, state="failed", attempts=("final",)))),
        {"failed for good": ["run 5 of one 29 22:05"]},
    ),
    "a run that never ended": (
        replace(USUAL, rows=instead(row(5, state="running", attempts=(None,)))),
        {"never ended": ["run 5 of one 29 22:05"]},
    ),
    "an occurrence of a row that was added, long after": (
        replace(
            USUAL,
            edits=[*USUAL.edits, *ADDED],
        ),
        {"missed": ["other 29 22:08"]},
    ),
}

FINE: dict[str, tuple[Evidence, int, int]] = {
    "nothing happened": (USUAL, 10, 0),
    "missed ones were merged into one run, whose period covers them": (
        replace(
            USUAL,
            rows=[
                *ROWS[:2],
                *(row(n, action="merge", state="skipped") for n in (3, 4)),
                row(5, period_start=at(2)),
                *ROWS[5:],
            ],
            deliveries=not_of(3, 4),
        ),
        10,
        0,
    ),
    "missed ones expired in one row for all": (
        replace(
            USUAL,
            rows=[*ROWS[:2], row(5, action="expire", state="skipped", occurrences=3, period_start=at(2)), *ROWS[5:]],
            deliveries=not_of(3, 4, 5),
        ),
        10,
        0,
    ),
    "a row was disabled: the half-minute ticks that met the edit are excluded": (
        replace(
            USUAL,
            edits=[*USUAL.edits, Edit(ONE, None, real(4.6), real(4.7))],
            rows=ROWS[:5],
            deliveries=USUAL.deliveries[:5],
        ),
        5,
        0,
    ),
    "the same, and the tick that decided a moment met the edit": (
        replace(
            USUAL,
            edits=[*USUAL.edits, Edit(ONE, None, real(4.4), real(4.45))],
            rows=ROWS[:4],
            deliveries=USUAL.deliveries[:4],
        ),
        4,
        1,
    ),
    "a run was skipped as the one before had not ended": (
        replace(USUAL, rows=instead(row(5, state="skipped", reason="overlap: ...")), deliveries=not_of(5)),
        10,
        0,
    ),
    "a run was skipped as its row was edited": (
        replace(
            USUAL,
            edits=[*USUAL.edits, Edit(ONE, None, real(4.6), real(4.7))],
            rows=[*ROWS[:4], row(5, state="skipped", reason="superseded: ...")],
            deliveries=USUAL.deliveries[:4],
        ),
        5,
        0,
    ),
    "a schedule was edited: the next period begins where the last one ended": (EDITED, 8, 0),
    "a delivery was repeated with its key before the run finished": (
        replace(USUAL, deliveries=[*USUAL.deliveries, delivery(5, late=0.1, attempt=2)]),
        10,
        0,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_finds_what_is_wrong_and_nothing_else(name: str) -> None:
    evidence, expected = WRONG[name]
    found = {kind: sentences for kind, sentences in judge(evidence).violations.items() if sentences}
    counted = {kind: len(found[kind]) if isinstance(expected.get(kind), int) else found[kind] for kind in found}
    assert counted == expected


@pytest.mark.parametrize("name", FINE)
def test_it_finds_nothing_where_nothing_is_wrong(name: str) -> None:
    evidence, expected, excluded = FINE[name]
    found = judge(evidence)
    assert not any(found.violations.values()), found.violations
    assert (found.expected, found.excluded) == (expected, excluded)


def test_it_counts_deliveries_that_were_repeated() -> None:
    deliveries = [*USUAL.deliveries, delivery(5, late=0.05, attempt=2), delivery(5, late=0.1, attempt=3)]
    found = judge(replace(USUAL, deliveries=deliveries))
    assert (found.deliveries, found.repeated, found.repeated_keys) == (12, 2, ["key 5"])
