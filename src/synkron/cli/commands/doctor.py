"""The command that checks all that Synkron needs: doctor."""

from __future__ import annotations

import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from shutil import get_terminal_size
from threading import current_thread, main_thread
from typing import TYPE_CHECKING

import typer

from synkron.cli.context import Invocation, database, invocation
from synkron.cli.options import AsJson
from synkron.cli.output import ExitCode, say, show_json, show_lines, wrapped
from synkron.errors import DatabaseError, SettingsError
from synkron.text import several

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.service.doctor.examination import Report
    from synkron.service.doctor.finding import Finding

# The columns that a line may take: as many as the terminal has, within these.
NARROWEST, WIDEST = 60, 120
# The line that counts, and the prompt that follows.
BESIDE = 2
# Seconds for what the settings name to be opened. The checks have a limit of their own.
OPENED_WITHIN = 15.0


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check everything that Synkron needs, and say what mends each fault.

    That is: the connection, role and grants, the tables and their rows, the ledger and its queue, who ticks and works,
    the targets, the secrets. It changes nothing, sends no request but for a page of each table through the Data API if
    that is the source, and takes at most a minute. Ends with 3 if anything failed.

    \b
    Examples:
      synkron doctor
      synkron doctor --json | jq '.checks[] | select(.level != "ok")'
    """
    report = _examined(invocation(context))
    from synkron.service.nouns.examination import examination

    found = examination(report)
    if as_json:
        show_json(found)
    else:
        columns, rows = get_terminal_size()
        most = rows - BESIDE if sys.stdout.isatty() else None
        show_lines(*lines(report, min(max(columns, NARROWEST), WIDEST), most))
    warnings = several(found.warnings, "warning")
    say(f"{several(len(report), 'check')}: {found.failed} failed, {warnings}, {found.skipped} skipped.")
    if found.failed:
        raise typer.Exit(ExitCode.DATA)


def lines(report: Report, width: int, most: int | None = None) -> list[str]:
    """What needs attention, with its remedy, before what is well. A command to copy is never wrapped.

    What is well has a line each, or only its name if that makes more lines than ``most``.
    """
    attention, well = list(_needing_attention(report, width)), list(_well(report, width))
    if most is not None and len(attention) + len(well) > most:
        names = [name for name, found in report.items() if any(one.level == "ok" for one in found)]
        well = wrapped(f"{', '.join(names)}. What each found: `synkron doctor --json`.", "ok       ")
    return attention + well


def _needing_attention(report: Report, width: int) -> Iterator[str]:
    widest = max(map(len, report))
    by_level: dict[str, list[tuple[str, Finding]]] = {}
    for name, found in report.items():
        for one in found:
            by_level.setdefault(one.level, []).append((name, one))
    for level in ("failed", "warning"):
        for name, one in by_level.get(level, ()):
            yield from _attention(one, f"{level:<7}  {name:<{widest}}  ", width)
            yield ""
    skipped: dict[str, list[str]] = {}
    for name, one in by_level.get("skipped", ()):
        skipped.setdefault(one.why, []).append(name)
    for why, names in skipped.items():
        yield from _wrapped("skipped  ", f"{', '.join(names)}: {why}", width)
        yield ""


def _well(report: Report, width: int) -> Iterator[str]:
    widest = max(map(len, report))
    for name, found in report.items():
        for one in found:
            if one.level == "ok":
                yield from _wrapped(f"ok       {name:<{widest}}  ", one.why, width)


def _attention(one: Finding, head: str, width: int) -> Iterator[str]:
    yield from _wrapped(head, one.why, width)
    left = " " * len(head)
    yield from _wrapped(left, one.remedy or "", width)
    for number, command in enumerate(one.commands):
        choice = "" if len(one.commands) == 1 else "or      " if number else "either  "
        yield left + choice + command


def _wrapped(head: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _examined(invoked: Invocation) -> Report:
    """The report, also if the settings are at fault, or there is no embedded database."""
    import asyncio
    from functools import partial

    from synkron.cli.serving import settings_and_faults
    from synkron.postgres.connection import connected
    from synkron.service.doctor.check import Context
    from synkron.service.doctor.examination import examine, not_examined

    try:
        with _interrupted(OPENED_WITHIN):
            settings, faults = settings_and_faults(invoked)
    except SettingsError as error:
        return not_examined(error.faults)
    except TimeoutError:
        return not_examined([f"what the settings name could not be opened within {OPENED_WITHIN:g} s"])
    with ExitStack() as stack:
        try:
            url = stack.enter_context(database(settings)).url
            connect = partial(connected, url)
        except DatabaseError as error:
            url, connect = "", partial(_refused, error)
        return asyncio.run(examine(Context(connect, url, settings, invoked.environment, faults)))


@contextmanager
def _interrupted(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what has not ended after so many seconds, and again in what then goes on for a second.

    It is meant for the import of a callable's module, in which anything may happen. Only where the system has alarms.
    """
    if not hasattr(signal, "setitimer") or current_thread() is not main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise TimeoutError(f"it did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@asynccontextmanager
async def _refused(error: DatabaseError) -> AsyncIterator[Connection]:
    """No connection, for this reason."""
    raise error
    yield
