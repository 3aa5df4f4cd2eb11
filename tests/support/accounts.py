"""As whom PostgreSQL's programs run, which refuse to run as root, when root runs the tests."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from synkron.postgres.embedded.account import Account


def account_in(folder: Path) -> Account | None:
    """An account with a name, as some of the programs ask for one; the folder becomes its own. None is ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    account = Account(nobody.pw_uid, nobody.pw_gid)
    os.chown(folder, *account)
    return account
