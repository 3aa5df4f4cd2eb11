"""The command line: what stands before the command, and the commands."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from synkron.cli.errors import ending_in_sentences, prepare_streams
from synkron.cli.lazy import Commands

# Every module of this package imports the heavy ones (the database, the settings, Rich) inside the functions that
# need them, so that a command's `--help` and the shell's completion answer at once.
app = typer.Typer(
    name="synkron",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="The settings are read from synkron.toml in the working directory, under SYNKRON_... variables.",
)


def main(arguments: list[str] | None = None) -> None:
    """The entry point of the command ``synkron``. Ends in SystemExit.

    The garbage collector looks rarely: what a command imports are a hundred thousand objects, none of them garbage, and
    hundreds of runs under way are tens of thousands, hardly one of them garbage.
    """
    gc.set_threshold(50_000, 20, 20)
    prepare_streams()
    with ending_in_sentences():
        sys.exit(app(arguments, prog_name="synkron", standalone_mode=False) or 0)


def _show_version(asked: bool) -> None:
    if asked:
        from synkron.cli.output import show_lines
        from synkron.runtime import installed_version

        show_lines(f"synkron {installed_version()}")
        raise typer.Exit


@app.callback()
def synkron(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The settings; synkron.toml in this folder if not given.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log everything, and show the traceback of a fault in Synkron.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the release.")
    ] = False,
) -> None:
    """Runs the scheduled syncs of many organizations: exactly one run per period, delivered at least once.

    Without SYNKRON_DATABASE_URL, commands that answer use the embedded PostgreSQL of `synkron up --embedded` or --demo.
    Answers go to stdout, everything else to stderr.

    \b
    Exit codes:
      0  ok
      1  failure: the database is not available, nobody ticks (`status`), or Synkron met an error of its own
      2  usage: an option, an expression or the settings are invalid, or a name fits several
      3  findings: `check`, `verify` or `doctor` found something wrong, or `status` that a person is needed
      4  not found
      6  refused: it can't be done now, row security hides rows from the role, or a grant is missing

    \b
    Examples:
      synkron up --demo
      synkron next --hours 2
      synkron runs --since 24h --state failed
    """
    import logging

    from synkron.cli.context import Invocation

    logging.getLogger("synkron").setLevel(logging.DEBUG if verbose else logging.INFO)
    context.obj = Invocation(config, verbose)
