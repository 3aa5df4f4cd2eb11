"""Whom the server runs as when Synkron runs as root, which PostgreSQL refuses to."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

from synkron.errors import EmbeddedDatabaseError

_SYSTEM_USER = "synkron"
_MAKE_USER = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_USER)


class Account(NamedTuple):
    """A user and group of the operating system."""

    uid: int
    gid: int


def hand_over(directory: Path, *, reaching: Path) -> tuple[Account, tuple[Path, ...]]:
    """The account that is to own ``directory``, and the folders that were opened so that it gets there.

    That is the owner, or the system user for a directory of root's. The folders above ``directory`` and ``reaching``
    are opened for searching (``o+x``) where they were closed.
    """
    status = directory.stat()
    account = Account(status.st_uid, status.st_gid) if status.st_uid != 0 else _system_user()
    for path in (directory, *directory.glob("*.lock")):
        os.chown(path, *account, follow_symlinks=False)
    closed = [
        folder
        for folder in {*directory.parents, *(reaching / "program").parents}
        if folder.stat().st_uid != account.uid and not folder.stat().st_mode & stat.S_IXOTH
    ]
    for folder in closed:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
    return account, tuple(sorted(closed))


def _system_user() -> Account:
    try:
        return _existing()
    except KeyError:
        pass
    try:
        # Another process may have made it in the meantime: what counts is that it is there.
        subprocess.run(_MAKE_USER, check=False, capture_output=True)  # noqa: S603 (a constant)
        return _existing()
    except (OSError, KeyError):
        raise EmbeddedDatabaseError(
            f"PostgreSQL refuses to run as root, and the system user {_SYSTEM_USER}, as which it would run instead, "
            f"can't be made. Run Synkron as an ordinary user, or make that user: {shlex.join(_MAKE_USER)}"
        ) from None


def _existing() -> Account:
    entry = pwd.getpwnam(_SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)
