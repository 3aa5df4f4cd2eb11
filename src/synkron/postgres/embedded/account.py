"""The user id that the server runs under when Synkron runs as root, because PostgreSQL refuses to run as root.

Nothing outside the data directory is changed for this: no user is created, and no folder is opened.
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

# Ids of users and groups that neither systemd nor Linux distributions assign: https://systemd.io/UIDS-GIDS
UNASSIGNED_IDS = range(60578, 61184)


class Account(NamedTuple):
    """The ids of a user and a group of the operating system, which need not have names."""

    uid: int
    gid: int


def hand_over(directory: Path) -> Account:
    """Let an account other than root enter ``directory``, and return it: the directory's owner, unless that is root.

    If root owns the directory, root keeps it. Its group becomes an id that no user and no group of the host has, and
    may pass through. The server runs under that id, so no process of a user can reach the files in the directory.
    Raises EmbeddedDatabaseError if the account can't reach the directory.
    """
    status = directory.stat()
    if status.st_uid:
        account = Account(status.st_uid, status.st_gid)
        for lock in directory.glob("*.lock"):
            os.chown(lock, *account, follow_symlinks=False)
    else:
        number = status.st_gid if status.st_gid in UNASSIGNED_IDS else _free_id(status.st_ino)
        account = Account(number, number)
        os.chown(directory, 0, number)
        directory.chmod(0o710)
    if not can(account, "-x", directory):
        closed = next((folder for folder in reversed(directory.parents) if not can(account, "-x", folder)), directory)
        raise EmbeddedDatabaseError(
            f"PostgreSQL refuses to run as root. It would run as user {account.uid}, which can't reach its data in "
            f"{directory}: {closed} is closed to others. Set SYNKRON_DATA_DIR to a folder that others can reach, such "
            "as /var/lib/synkron, or run Synkron as an ordinary user."
        )
    return account


@contextmanager
def made_by_name(folder: Path, account: Account | None) -> Iterator[Account | None]:
    """The account that creates ``folder``. Afterwards the folder is given to ``account``.

    initdb refuses a user that has no name. In a directory of root's, the user `nobody` creates the folder, in the
    account's group, which no other process is in. Raises EmbeddedDatabaseError if a user without a name owns the
    directory: root must not give files away in a place where that user can put others.
    """
    if account is None or not _is_free(account.uid):
        yield account
        return
    if folder.parent.stat().st_uid:
        raise EmbeddedDatabaseError(
            f"{folder.parent} belongs to user {account.uid}, which has no name on this host, so PostgreSQL's initdb "
            "refuses it. Give that user a name (useradd), or give the folder to root (chown)."
        )
    maker = Account(_nobody(), account.gid)
    folder.mkdir(mode=0o700)
    os.chown(folder, *maker, follow_symlinks=False)
    yield maker
    for path in (*folder.rglob("*"), folder):
        os.chown(path, *account, follow_symlinks=False)


def can(account: Account, test: str, *paths: Path) -> bool:
    """Whether the shell's ``test`` with this option (``-r``, ``-x``) succeeds on every path for the account."""
    command = f'for path; do test {test} "$path" || exit 1; done'
    tested = subprocess.run(  # noqa: S603 (our own command)
        ["/bin/sh", "-c", command, "sh", *paths],
        cwd="/",
        env={},
        user=account.uid,
        group=account.gid,
        extra_groups=(),
        check=False,
    )
    return tested.returncode == 0


def _free_id(inode: int) -> int:
    """An id that no user and no group has. The search begins at the directory's inode, so that most differ."""
    count = len(UNASSIGNED_IDS)
    numbers: Iterator[int] = (UNASSIGNED_IDS[(inode + step) % count] for step in range(count))
    return next(filter(_is_free, numbers))


def _is_free(number: int) -> bool:
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
            "PostgreSQL refuses to run as root, and this host has no user `nobody`, which would create the database "
            "instead. Run Synkron as an ordinary user, or give the data directory to one (chown)."
        ) from None
