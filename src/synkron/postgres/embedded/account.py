"""The user that runs the server when Synkron runs as root, because PostgreSQL refuses to run as root."""

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
    """The account that owns ``directory`` from now on, and the folders that were opened for it.

    The account is the directory's owner, or the system user if root owns it. The folders above ``directory`` and
    ``reaching`` get search permission for others (``o+x``) if they lack it.
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
        # Another process may have created the user in the meantime, so only its existence is checked.
        subprocess.run(_MAKE_USER, check=False, capture_output=True)  # noqa: S603 (a constant)
        return _existing()
    except (OSError, KeyError):
        raise EmbeddedDatabaseError(
            f"PostgreSQL refuses to run as root, and the system user {_SYSTEM_USER}, which would run it instead, "
            f"can't be created. Run Synkron as an ordinary user, or create that user: {shlex.join(_MAKE_USER)}"
        ) from None


def _existing() -> Account:
    entry = pwd.getpwnam(_SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)
