"""The peers of the bench: what is read from Celery's log, and what is said where a package is not installed."""

from __future__ import annotations

import pytest
from bench.peers.celery import rate
from bench.peers.peer import PeerFailedError, missing

LOG = """\
[2026-03-02 02:00:00,100: INFO/MainProcess] celery@host ready.
[2026-03-02 02:00:01,000: INFO/MainProcess] Task nothing[2f6c] received
[2026-03-02 02:00:01,500: INFO/MainProcess] Task nothing[9a01] received
[2026-03-02 02:00:01,600: INFO/ForkPoolWorker-2] Task nothing[9a01] succeeded in 0.0001s: None
[2026-03-02 02:00:03,000: INFO/ForkPoolWorker-1] Task nothing[2f6c] succeeded in 0.0001s: None
[2026-03-02 02:00:09,000: INFO/MainProcess] Task other[77aa] received
"""


def test_celery_is_measured_from_the_first_task_received_to_the_last_one_done() -> None:
    assert rate(LOG.splitlines()) == 1.0


def test_celery_that_did_nothing_has_no_figure() -> None:
    with pytest.raises(PeerFailedError, match="no task was done"):
        rate(LOG.splitlines()[:3])


def test_a_missing_package_is_named_with_the_remedy() -> None:
    assert missing(("pytest",)) is None
    assert missing(("pytest", "no-such-package")) == (
        "no-such-package not installed; `script/setup bench` installs what the bench needs"
    )
