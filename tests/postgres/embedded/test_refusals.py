"""What the embedded database refuses: in one sentence, with its remedy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded import embedded_database

AS_ROOT = os.geteuid() == 0


def a_file_in_the_way(path: Path) -> None:
    path.write_text("")


def a_foreign_folder(path: Path) -> None:
    path.mkdir()
    (path / "letters.txt").write_text("")


def a_cluster_from_elsewhere(path: Path) -> None:
    path.mkdir()
    (path / "PG_VERSION").write_text("18\n")


def an_older_version(path: Path) -> None:
    (path / "postgresql").mkdir(parents=True)
    (path / "users.lock").touch()
    (path / "postgresql" / "PG_VERSION").write_text("17\n")


def a_server_that_cannot_start(path: Path) -> None:
    with embedded_database(path) as server:
        configuration = server.socket_folder / "postgresql.conf"
    configuration.write_text(configuration.read_text() + "work_memory = 1\n")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (a_file_in_the_way, "File exists"),
        (a_foreign_folder, "it contains letters.txt"),
        (a_cluster_from_elsewhere, "it contains PG_VERSION"),
        (an_older_version, "contains data of PostgreSQL 17, but this release of Synkron runs 18"),
        (a_server_that_cannot_start, 'unrecognized configuration parameter "work_memory"'),
    ],
)
def test_it_is_refused_with_the_reason_and_the_remedy(
    directory: Path, prepare: Callable[[Path], None], reason: str
) -> None:
    prepare(directory)
    check_refused(directory, reason)


def test_a_folder_that_cannot_be_made(directory: Path) -> None:
    directory.write_text("")
    check_refused(directory / "data", "Not a directory")


def test_a_folder_that_cannot_be_written_to(directory: Path) -> None:
    if AS_ROOT:
        check_refused(Path("/sys/kernel/synkron"), "Operation not permitted")
    else:
        directory.mkdir(mode=0o500)
        check_refused(directory, "Permission denied")


@pytest.mark.skipif(not AS_ROOT, reason="only root mounts a small disk")
def test_a_full_disk(directory: Path) -> None:
    directory.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", directory]).returncode:
        pytest.skip("this root may not mount")
    try:
        check_refused(directory, "The disk is full: free some space")
    finally:
        subprocess.run(["umount", directory], check=True)


def check_refused(directory: Path, reason: str) -> None:
    with pytest.raises(EmbeddedDatabaseError) as refusal, embedded_database(directory):
        pass
    assert reason in str(refusal.value)
    assert str(directory) in str(refusal.value)
    assert "SYNKRON_DATA_DIR" in str(refusal.value)
