"""Decisions about one integration that were not delivered, and the time that no run covers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from synkron.model import Action, Source, Window
from synkron.reports.verify.basis import Basis
from synkron.reports.verify.evidence import Finding, FindingKind, RecordedDecision, Undelivered


class Coverage(NamedTuple):
    """Merged moments without a run, undelivered moments with the reason, and the time that no run covers."""

    lost: Sequence[Finding] = ()
    undelivered: Sequence[tuple[Undelivered, RecordedDecision]] = ()
    gaps: Sequence[Window] = ()


WHOLE = Coverage()


def coverage(recorded: Sequence[RecordedDecision], basis: Basis) -> Coverage:
    """What happened to the moments of the window for which no own run was delivered, oldest first."""
    if len(recorded) == 1 and _stands(recorded[0]):
        return WHOLE
    window = basis.window
    decided = [one for one in recorded if one.decides and window.start < one.scheduled_for <= window.end]
    runs = [one for one in recorded if one.action == Action.RUN and one.is_from_tick]
    backfilled = {one.scheduled_for for one in recorded if one.source == Source.BACKFILL and _stands(one)}
    lost, undelivered = [], []
    for one in decided:
        if _stands(one) or one.scheduled_for in backfilled:
            continue
        if one.action != Action.MERGE:
            reason = Undelivered.CANCELLED if one.was_cancelled else Undelivered.of(one.action, one.reason)
            undelivered.append((reason, one))
            continue
        covers = [run for run in runs if _covers(run, one.scheduled_for)]
        if not covers:
            lost.append(one.finding(FindingKind.MISSED, "recorded as merged, but no run's period covers it"))
        elif not any(map(_stands, covers)):
            undelivered.append((Undelivered.MERGED, one))
    return Coverage(lost, undelivered, _gaps(decided, recorded, window))


def _gaps(decided: Sequence[RecordedDecision], recorded: Sequence[RecordedDecision], window: Window) -> list[Window]:
    """The time from the first decision in the window to the last that no delivered run's period covers."""
    if not decided:
        return []
    found = []
    reached, last = max(window.start, decided[0].period_start or window.start), decided[-1].scheduled_for
    for run in recorded:
        if _stands(run) and run.scheduled_for > reached:
            start = min(run.period_start or reached, last)
            if start > reached:
                found.append(Window(reached, start))
            reached = run.scheduled_for
    if reached < last:
        found.append(Window(reached, last))
    return found


def _stands(one: RecordedDecision) -> bool:
    """Whether it is a run that nobody cancelled, before its target was called or meanwhile."""
    return one.is_delivered and not one.was_cancelled


def _covers(run: RecordedDecision, moment: datetime) -> bool:
    return (run.period_start is None or run.period_start < moment) and moment < run.scheduled_for
