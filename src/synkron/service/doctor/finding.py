"""What a check found, and how names are written in what mends it. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from enum import StrEnum


class Level(StrEnum):
    """How serious it is. What failed keeps integrations from running as they should."""

    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """How it is, and why, in one sentence.

    ``commands`` mend it; several are alternatives. Each is for a shell, or SQL, which ends with a semicolon and is for
    the owner of the tables or an administrator. ``remedy`` says what else there is to do or to know.
    """

    level: Level
    why: str
    remedy: str | None = None
    commands: tuple[str, ...] = ()


def ok(why: str) -> Finding:
    """All is well; ``why`` states the facts."""
    return Finding(Level.OK, why)


def warning(why: str, command: str | None = None, *, remedy: str | None = None) -> Finding:
    """It works now, but not as it should, or not for long."""
    return Finding(Level.WARNING, why, remedy, (command,) if command else ())


def failed(why: str, command: str | None = None, *, remedy: str | None = None) -> Finding:
    """It keeps integrations from running as they should."""
    return Finding(Level.FAILED, why, remedy, (command,) if command else ())


def refused(error: Exception, command: str | None = None) -> Finding:
    """A failure in the words of an error of Synkron's: first what is wrong, then what to do, with its commands.

    ``command`` is the one that mends it if it is known better here.
    """
    # A key is shown as its beginning and three dots.
    why, *rest = re.split(r"(?<!\.\.)\. ", str(error), maxsplit=1)
    why, remedy = f"{why.removesuffix('.')}.", "".join(rest)
    return (
        failed(why, command)
        if command
        else replace(failed(why, remedy=remedy or None), commands=tuple(re.findall(r"`(synkron .+?)`", remedy)))
    )


def identifier(name: str) -> str:
    """A name in SQL, quoted."""
    return '"' + name.replace('"', '""') + '"'


def migrate_for(role: str, *options: str) -> str:
    """The command that migrates a database for a service that runs as the role."""
    return shlex.join(["synkron", "migrate", *options, "--grant-to", role])
