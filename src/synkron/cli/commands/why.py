"""The command that explains one minute of an integration: why."""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import asdict
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import typer

from synkron.cli.clock import moments
from synkron.cli.context import answer
from synkron.cli.options import AsJson, AtPast, Integration, Organization, Type
from synkron.cli.output import show_json, show_lines
from synkron.model import Scope
from synkron.text import printable

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.why.facts import Facts
    from synkron.settings.load import Settings


def why(
    context: typer.Context,
    org: Organization = None,
    integration_type: Type = None,
    integration: Integration = None,
    at: AtPast = None,
    as_json: AsJson = False,
) -> None:
    """Say in words why an integration did or did not run at a minute.

    Name it by its organization and type, or by its id; where an organization has several of a type, each is answered
    for. Ends with 4 when there is none.

    \b
    Examples:
      synkron why --org 7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11 --type xledger --at 02:00
      synkron why --integration 0b0e3c52-6a56-4a0b-8a57-6a1d2f3c4b5d --at 2026-11-23T03:00+01:00 --json
    """
    by_name, by_id = (org, integration_type) != (None, None), integration is not None
    if by_name == by_id or (by_name and None in (org, integration_type)):
        raise typer.BadParameter("name one integration: either --org and --type, or --integration")

    async def ask(connection: Connection, settings: Settings) -> list[Facts]:
        from synkron.postgres.clock import database_clock
        from synkron.reports.why.store import read_facts

        [moment] = await moments(connection, settings, at, scope=Scope(org, None, integration))
        return await read_facts(
            connection,
            settings,
            moment or await database_clock(connection),
            integration_id=integration,
            org_id=org,
            integration_type=integration_type,
        )

    found = answer(context, ask)
    from synkron.reports.why.sentences import explain

    if as_json:
        show_json([_as_json(one, explain(one)) for one in found])
        return
    for index, one in enumerate(found):
        if len(found) > 1:
            show_lines(*([""] if index else []), f"integration {one.integration_id}")
        show_lines(*(line for sentence in explain(one) for line in _wrapped(sentence)))


def _wrapped(sentence: str) -> list[str]:
    """The sentence in lines as wide as the terminal, a command in one that can be copied; into a pipe, all in one."""
    text = printable(sentence)
    if not sys.stdout.isatty():
        return [text]
    unbroken = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(unbroken, get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _as_json(facts: Facts, sentences: list[str]) -> dict[str, object]:
    return {"answer": sentences} | {name: value for name, value in asdict(facts).items() if name != "zone"}
