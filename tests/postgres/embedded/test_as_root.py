"""What root finds: PostgreSQL refuses to run as root, and nothing of the host is changed for it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded import account, data_directory, embedded_database, programs
from synkron.postgres.embedded.account import Account, can, hand_over
from tests.postgres.embedded.processes import ask, postmaster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as whoever is not root")

NOBODY = pwd.getpwnam("nobody")


def modes(*folders: Path) -> list[tuple[int, int, int]]:
    """Owner, group and mode of each."""
    return [(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) for found in (one.stat() for one in folders)]


def test_the_server_runs_under_a_number_that_no_account_has(set_up: Path) -> None:
    users, groups = pwd.getpwall(), grp.getgrall()
    with embedded_database(set_up) as server:
        status = Path(f"/proc/{postmaster(set_up)}/status").read_text()
        (data,) = modes(set_up)
        (cluster,) = modes(server.socket_folder)
    number = data[1]
    assert number not in {one.pw_uid for one in users} | {one.gr_gid for one in groups}
    assert f"Uid:\t{number}\t{number}\t{number}\t{number}\n" in status
    assert f"Gid:\t{number}\t{number}\t{number}\t{number}\n" in status
    assert "Groups:\t \n" in status
    assert (data, cluster) == ((0, number, 0o710), (number, number, 0o700))
    assert (pwd.getpwall(), grp.getgrall()) == (users, groups)


def test_no_other_process_gets_at_it_not_even_nobody_s(set_up: Path) -> None:
    with embedded_database(set_up) as server:
        inside = (server.socket_folder, Path(f"/proc/{postmaster(set_up)}/cwd/PG_VERSION"))
        for gid in (NOBODY.pw_gid, 0):
            assert [can(Account(NOBODY.pw_uid, gid), "-e", path) for path in inside] == [False, False]


def test_the_folders_above_stay_as_they_are(folder: Path) -> None:
    above = [folder / "open", folder]
    above[0].mkdir(mode=0o755)
    before = modes(*above)
    with embedded_database(above[0] / "data") as server:
        assert ask(server.url(), "select 1") == [(1,)]
    assert modes(*above) == before


def test_one_that_is_closed_is_refused_and_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(EmbeddedDatabaseError, match=r"/closed is closed to others\. Set SYNKRON_DATA_DIR"),
        embedded_database(closed / "data"),
    ):
        pass
    assert modes(closed) == [(0, 0, 0o700)]


def test_the_number_stays_and_one_that_is_taken_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first := folder / "first").mkdir()
    taken = hand_over(first)
    monkeypatch.setattr(account, "_is_free", lambda number: number != taken.uid)
    assert hand_over(first) == taken
    os.chown(first, 0, 0)
    next_one = account.UNASSIGNED_IDS[(account.UNASSIGNED_IDS.index(taken.uid) + 1) % len(account.UNASSIGNED_IDS)]
    assert hand_over(first) == Account(next_one, next_one)


def test_directories_have_servers_that_can_t_read_each_other_s_files(folder: Path) -> None:
    """Most of them: the id depends on the directory's inode."""
    for number in range(8):
        (folder / str(number)).mkdir()
    assert len({hand_over(one) for one in folder.iterdir()}) > 1


def test_a_directory_of_a_user_without_a_name_is_refused_and_stays_as_it_is(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    os.chown(directory, 54321, 54321)
    with (
        pytest.raises(EmbeddedDatabaseError, match="belongs to user 54321, which has no name"),
        embedded_database(directory),
    ):
        pass
    assert not (directory / "postgresql.new").exists()


def test_a_user_s_data_stay_the_user_s(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, NOBODY.pw_uid, NOBODY.pw_gid)
    with embedded_database(directory) as server:
        assert ask(server.url(), "select 1") == [(1,)]
        assert server.socket_folder.stat().st_uid == NOBODY.pw_uid
    assert {path.stat().st_uid for path in directory.rglob("*")} == {NOBODY.pw_uid}
    assert modes(directory) == [(NOBODY.pw_uid, NOBODY.pw_gid, 0o700)]


@pytest.mark.parametrize("closed", ["the folder above", "every file"])
def test_programs_that_only_root_reads_are_copied_into_the_data_directory(
    directory: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    bindir = programs.programs()
    package = bindir.parents[1]
    site = folder / "site-packages"
    for one in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(one, site / one.name, symlinks=True, ignore=shutil.ignore_patterns("pginstall", "include"))
    subprocess.run(["chmod", *(["700"] if closed == "the folder above" else ["-R", "go="]), site], check=True)
    theirs = site / bindir.relative_to(package.parent)
    before = modes(site, theirs, theirs / "postgres")
    monkeypatch.setattr(programs, "programs", lambda: theirs)
    for _ in range(2):
        with embedded_database(directory) as server:
            assert ask(server.url(), "select 1") == [(1,)]
            program = Path(f"/proc/{postmaster(directory)}/exe").readlink()
            assert program.is_relative_to(directory)
    assert modes(site, theirs, theirs / "postgres") == before
    (copy,) = directory.glob("programs*")
    assert modes(copy, program) == [(0, 0, 0o755)] * 2


def test_without_a_user_nobody_it_says_what_to_do(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody)
    with pytest.raises(EmbeddedDatabaseError, match="as an ordinary user"), embedded_database(directory):
        pass


def test_root_s_data_lie_where_the_server_gets_to_unless_a_user_has_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert data_directory({}) == Path("/var/lib/synkron")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    user_s = data_directory({})
    user_s.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert data_directory({}) == user_s
