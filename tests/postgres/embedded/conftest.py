"""Folders for the embedded server of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from synkron.postgres.embedded import embedded_database
from tests.postgres.embedded.processes import postmaster


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder, but not ``tmp_path``.

    Each pytest session that starts closes the folder above everybody's ``tmp_path`` to other users, of whom the server
    is one when root runs the tests.
    """
    with TemporaryDirectory(prefix="synkron-test-") as name:
        yield Path(name)


@pytest.fixture
def directory(folder: Path) -> Iterator[Path]:
    """A data directory, not made yet, whose server is stopped whatever the test did to it."""
    path = folder / "data"
    yield path
    if postmaster(path):
        with embedded_database(path):
            pass
