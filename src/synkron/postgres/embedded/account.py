"""Whom the server runs as when Synkron runs as root, which PostgreSQL refuses to.

Nothing of the host is changed for it outside of the data directory: no user is made, and no folder is opened.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from synkron.errors import EmbeddedDatabaseError

# Numbers of users and groups that neither systemd nor Linux distributions hand out: https://systemd.io/UIDS-GIDS
NUMBERS = range(60578, 61184)


class Account(NamedTuple):
    """The numbers of a user and a group of the operating system, which need not have names."""

    uid: int
    gid: int


def hand_over(directory: Path) -> Account:
    """Let an account other than root get into ``directory``, and answer which: its owner, unless that is root.

    A directory of root's stays root's. Its group becomes a number that no user and no group of the host has, and may
    pass through. The server runs under that number, so that no other process can reach what is in there.
    Raises EmbeddedDatabaseError where the account can't get there.
    """
    status = directory.stat()
    if status.st_uid:
        account = Account(status.st_uid, status.st_gid)
        for lock in directory.glob("*.lock"):
            os.chown(lock, *account, follow_symlinks=False)
    else:
        number = status.st_gid if status.st_gid in NUMBERS else next(filter(_is_free, NUMBERS))
        account = Account(number, number)
        os.chown(directory, 0, number)
        directory.chmod(0o710)
    if not can(account, "-x", directory):
        closed = next((folder for folder in reversed(directory.parents) if not can(account, "-x", folder)), directory)
        raise EmbeddedDatabaseError(
            f"PostgreSQL refuses to run as root. It would run as user {account.uid}, who can't get to its data in "
            f"{directory}: {closed} is closed to others. Set SYNKRON_DATA_DIR to a folder that is not, such as "
            "/var/lib/synkron, or run Synkron as an ordinary user."
        )
    return account


@contextmanager
def made_by_name(folder: Path, account: Account | None) -> Iterator[Account | None]:
    """Whom to make the folder as, which is the account's in the end: initdb refuses a user that has no name.

    For an account without a name, the user `nobody` makes it, in the account's group: it shares no other process's.
    """
    if account is None or not _is_free(account.uid):
        yield account
        return
    maker = Account(_nobody(), account.gid)
    folder.mkdir(mode=0o700)
    os.chown(folder, *maker)
    yield maker
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *account, follow_symlinks=False)


def can(account: Account, test: str, *paths: Path) -> bool:
    """Whether the account passes a test of the shell (``-r``, ``-x``) on each path."""
    command = f'for path; do test {test} "$path" || exit 1; done'
    tested = subprocess.run(  # noqa: S603 (our own words)
        ["/bin/sh", "-c", command, "sh", *paths],
        cwd="/",
        env={},
        user=account.uid,
        group=account.gid,
        extra_groups=(),
        check=False,
    )
    return tested.returncode == 0


def _is_free(number: int) -> bool:
    """Whether no user and no group has the number."""
    for named in (pwd.getpwuid, grp.getgrgid):
        with suppress(KeyError):
            named(number)
            return False
    return True


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise EmbeddedDatabaseError(
            "PostgreSQL refuses to run as root, and there is no user `nobody` here, as whom it could be set up. Run "
            "Synkron as an ordinary user, or give the data directory to one (chown)."
        ) from None
