"""A run with all its attempts, in JSON."""

from __future__ import annotations

from collections.abc import Sequence

from synkron.ledger.history import RecordedAttempt, RecordedRun, stages_of
from synkron.service.forms import held_by


def shown_run(run: RecordedRun, attempts: Sequence[RecordedAttempt]) -> dict[str, object]:
    """The run, where its time went until its first attempt was answered, and its attempts."""
    return held_by(run, "run") | {"stages_ms": stages_of(run, attempts), "attempts": attempts}
