"""The short form: one seed of the harness, for half a minute. `script/faults` is the long one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faults.experiment import Size, experiment
from tests.faults.sequence import Kind

# Each comes once. A step of the clock back costs as long again until what was due before it is due once more: too long.
KINDS = [
    Kind.SCHEDULER_KILLED,
    Kind.WORKER_KILLED,
    Kind.DATABASE_CRASHED,
    Kind.CONNECTIONS_SILENT,
    Kind.ROLE_TIMEOUTS,
    Kind.FORGED,
    Kind.DISK_FULL,
    Kind.TARGET_HANGS,
    Kind.TARGET_FAILS,
    Kind.TARGET_BUSY_SECONDS,
    Kind.TARGET_ODD,
    Kind.ADDED,
    Kind.MOVED,
    Kind.MANY_DELETED,
    Kind.ID_ALTERED,
    Kind.TYPE_UNKNOWN,
    Kind.OTHER_TZDATA,
    Kind.CLOCK_FORWARD,
]
# This one kills a scheduler, and all the workers at once while they deliver what a step of the clock made due. The step
# comes early, and no row that catches up on all of it gets more than 20 runs, which end while the other faults happen.
SEED = 32281
SIZE = Size(seconds=32, rows=24, faults=len(KINDS), kinds=KINDS)


# requirement R17.3
@pytest.mark.waits(minutes=1)
def test_nothing_is_missed_doubled_or_delivered_after_it_finished(tmp_path: Path) -> None:
    """On a failure pytest shows the faults in their order; the processes' logs are in the test's folder."""
    result = asyncio.run(experiment(SEED, SIZE, tmp_path, print))
    assert result.violations == {}
    assert result.findings.expected > 100
    assert result.findings.deliveries > 100
    assert result.by_kind.total() == SIZE.faults
