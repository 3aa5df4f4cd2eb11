"""The short form: one seed of the harness, for a minute and a half. `script/faults` is the long one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.experiment import Size, experiment
from tests.faults.sequence import SHORT

# This one plans a kill of each kind of process, silent connections, a crash, a full disk, a step of the clock, and many
# edits, among others.
SEED = 6319
SIZE = Size(seconds=75, rows=24, faults=18, kinds=SHORT)


# requirement R17.3
@pytest.mark.waits(minutes=2)
def test_nothing_is_missed_doubled_or_delivered_after_it_finished(tmp_path: Path) -> None:
    """On a failure pytest shows the faults in their order; the processes' logs are in the test's folder."""
    result = asyncio.run(experiment(SEED, SIZE, tmp_path, print))
    assert result.violations == {}
    assert result.findings.expected > 100
    assert result.findings.deliveries > 100
    assert result.by_kind.total() == SIZE.faults
