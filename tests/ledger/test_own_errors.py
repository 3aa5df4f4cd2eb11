"""An error of Synkron's own, met with one row, costs that row: it is left out, and everybody else is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from synkron.incidents.conditions.invalid_rows import invalid as conditions_of
from synkron.model import Fault, Integration, Occurrences, Window
from synkron.scheduler.holds import Released
from synkron.scheduler.pauses import Hold
from synkron.scheduler.pending import PendingWork
from synkron.scheduler.tick import _decide
from synkron.settings.policy import Policies, Policy
from synkron.source.due import all_occurrences, at_once
from synkron.source.reader import warn_invalid

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
GOOD = Integration("i", "o", "xledger", True, "0 2 * * *", True, None)


class Unreadable:
    """A zone with which nothing can be done: it stands for whatever Synkron does not foresee."""

    def __hash__(self) -> int:
        raise RuntimeError("no zone")


def test_in_the_judgement() -> None:
    bad = replace(GOOD, integration_id="bad", timezone=Unreadable())  # type: ignore[arg-type]
    found, [invalid] = all_occurrences([bad, GOOD], Window(AT - timedelta(minutes=1), AT), {"xledger"})
    assert [one.integration for one in found] == [GOOD]
    assert (invalid.integration_id, invalid.fault) == ("bad", Fault.INTERNAL)
    assert "could not judge this row: RuntimeError: no zone" in invalid.reason
    [condition] = conditions_of([invalid], {}, AT)
    assert "a fault in Synkron" in condition.remedy


def test_its_warning_has_the_traceback() -> None:
    bad = replace(GOOD, timezone=Unreadable())  # type: ignore[arg-type]
    _, [invalid] = all_occurrences([bad], Window(AT - timedelta(minutes=1), AT), {"xledger"})
    with structlog.testing.capture_logs() as logs:
        warn_invalid(invalid)
    assert isinstance(logs[0]["exc_info"], RuntimeError)
    assert logs[0]["exc_info"].__traceback__ is not None


def test_in_the_decision() -> None:
    """There is no policy for its type. What a pause held of it stays held."""
    bad = replace(GOOD, integration_id="bad", integration_type="fiken")
    pending = PendingWork(
        due=[Occurrences(one, [AT], None, None) for one in (bad, GOOD)],
        merged=[],
        held=[],
        waiting=[],
        released=[Released(one, AT, Hold.PAUSE) for one in (bad, GOOD)],
        invalid=[],
        policies=Policies({"xledger": Policy()}),
        snapshot="",
        seen=2,
    )
    left, decisions = at_once(_decide(pending, AT, None, replayed=False))
    assert [one.integration for one in decisions] == [GOOD]
    assert [(one.integration_id, one.fault) for one in left.invalid] == [("bad", Fault.INTERNAL)]
    assert [one.integration for one in left.released] == [GOOD]
