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
    _stop(path)


@pytest.fixture(scope="session")
def _set_up() -> Iterator[Path]:
    with TemporaryDirectory(prefix="synkron-test-", dir=in_memory()) as name:
        Path(name).chmod(0o711)
        path = Path(name) / "data"
        with embedded_database(path):
            pass
        yield path


@pytest.fixture
def set_up(_set_up: Path) -> Iterator[Path]:
    """A data directory that was made by an earlier start, which takes longer than most tests; nothing runs in it."""
    yield _set_up
    _stop(_set_up)


def _stop(path: Path) -> None:
    if postmaster(path):
        with embedded_database(path):
            pass
