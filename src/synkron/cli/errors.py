"""How a command ends when something goes wrong: one sentence on stderr, and an exit code. Never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from synkron.cli.output import ExitCode

# What Typer raises where options or arguments do not fit; it has no public name.
UsageError: Any = typer.BadParameter.__base__


def prepare_streams() -> None:
    """See that stdout and stderr are there, though they were closed (``>&-``), and take text in any encoding."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115 (open as long as the process lives)
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def ending_in_sentences() -> Iterator[None]:
    """Turn whatever is raised into SystemExit, having said what it was."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, a person reads it
        sys.exit(told(error))
    finally:
        _let_go_of_stdout()


def told(error: Exception) -> ExitCode:
    """Say what it was; answers the exit code to leave with."""
    from synkron.cli.advice import WORDS
    from synkron.cli.output import ExitCode, say
    from synkron.errors import Ambiguous, NotFound, Refused, SettingsError, SynkronError
    from synkron.text import one_line

    match error:
        case SettingsError():
            say(*(f"error: {one_line(fault)}" for fault in error.faults))
            return ExitCode.USAGE
        case Ambiguous():
            say(f"error: {one_line(error.said(WORDS))}", *(f"  {line}" for line in error.lines))
            return ExitCode.USAGE
        case SynkronError():
            say(f"error: {one_line(error.said(WORDS))}")
            if isinstance(error, Refused):
                return ExitCode.NOT_FOUND if isinstance(error, NotFound) else ExitCode.REFUSED
        case typer.Abort():
            say("Aborted!")
        case BrokenPipeError():
            pass
        case OSError():
            say(f"error: the operating system refuses: {error}")
        case _ if isinstance(error, UsageError):
            shown = StringIO()
            error.show(shown)
            say(*shown.getvalue().splitlines())
            return ExitCode.USAGE
        case _:
            _say_fault(error)
    return ExitCode.FAILURE


def _say_fault(error: Exception) -> None:
    import logging
    from traceback import format_exception

    from synkron.cli.output import say
    from synkron.text import one_line

    if logging.getLogger("synkron").isEnabledFor(logging.DEBUG):
        say(*"".join(format_exception(error)).splitlines())
    found = one_line(f"{type(error).__name__}: {error}")
    say(
        f"error: this is a fault in Synkron itself ({found}). Please report it, with what the same command says "
        "after `synkron --verbose`."
    )


def _let_go_of_stdout() -> None:
    """Where stdout can't be written any more (``| head`` has gone), let the interpreter's last flush go nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
