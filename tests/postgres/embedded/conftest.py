"""Folders for the embedded server of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from synkron.postgres.embedded import embedded_database
from tests.conftest import in_memory
from tests.postgres.embedded.processes import postmaster


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder, but not ``tmp_path``: others may pass through it, as whom the server runs for root."""
    with TemporaryDirectory(prefix="synkron-test-", dir=in_memory()) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def directory(folder: Path) -> Iterator[Path]:
    """A data directory, not made yet, whose server is stopped whatever the test did to it."""
    path = folder / "data"
    yield path
    if postmaster(path):
        with embedded_database(path):
            pass
