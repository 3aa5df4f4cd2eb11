"""The command that looks ahead at the load: forecast."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.context import answer, scope_of
from synkron.cli.options import AsJson, Type, whole
from synkron.cli.output import say, show_json, show_lines, show_table, wrapped
from synkron.errors import SettingsError
from synkron.reports.forecast.warnings import WarningKind, warnings
from synkron.reports.names.match import AskedScope

if TYPE_CHECKING:
    from synkron.postgres.connection import Connection
    from synkron.reports.forecast.store import ComparedForecast
    from synkron.settings.load import Settings
    from synkron.settings.policy import Policy

# The lines of a screen beside the rows of the chart and of the types: titles, a blank, the command, the prompt; and
# those beside the rows of the herds.
AROUND, OF_HERDS = 5, 2
SHORTEST_CHART = 5
CUT = "This is what fits. Read all hours and herds in a pager: `| less`."
# A month: the first of it is the largest herd of many fleets.
MOST_HOURS = 744

Proposals = Mapping[str, Mapping[str, str]]


def forecast(
    context: typer.Context,
    hours: Annotated[int, typer.Option(metavar="HOURS", help="How far ahead to look.", **whole(1, MOST_HOURS))] = 24,
    integration_type: Type = None,
    spread: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=SPAN", help="Propose a spread: xledger=15m. May be given for several types."),
    ] = None,
    pace: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=NUMBER", help="Propose a pace: xledger=60, or xledger=none. As above."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forecast how many integrations fire and start, minute by minute, over the whole fleet.

    Shows the load by the hour, the largest herds with when the last of each starts, and what should be looked at: a
    pace below the load, and more starts than may run at once. With --spread or --pace, what that would do stands beside
    what is set; nothing is changed. With a spread, starts are what is to be expected. What was claimed before is left
    out, and so are retries.

    \b
    Examples:
      synkron forecast
      synkron forecast --hours 168 --type xledger
      synkron forecast --spread xledger=15m --pace dynamics=60
      synkron forecast --json | jq '.types[] | {integration_type, fires, peak: .as_set.peak}'
    """
    proposals = _proposals(spread=spread or [], pace=pace or [])

    async def ask(connection: Connection, settings: Settings) -> ComparedForecast:
        from synkron.postgres.clock import database_clock
        from synkron.reports.forecast.store import forecast_fleet

        _, shown, _ = await scope_of(AskedScope(None, integration_type), connection, settings)
        named = await _named(proposals, connection, settings)
        if shown is not None and (others := named.keys() - {shown}):
            raise typer.BadParameter(
                f"only {shown} is shown, and something is proposed for {', '.join(sorted(others))}.",
                param_hint="--type",
            )
        proposed = {name: _proposed(name, values, settings) for name, values in named.items()}
        now = await database_clock(connection)
        return await forecast_fleet(connection, settings, now, hours, integration_type=shown, proposed=proposed)

    outlook = answer(context, ask, fresh=True)
    if as_json:
        from synkron.service.nouns.forecast import forecast_facts

        show_json(forecast_facts(outlook))
        _say(_notes(outlook))
    else:
        _show(outlook, hours)


def _proposals(**given: Sequence[str]) -> dict[str, dict[str, str]]:
    """What is proposed for each type, as it was written."""
    proposals: dict[str, dict[str, str]] = {}
    for key, texts in given.items():
        for text in texts:
            name, equals, value = text.rpartition("=")
            if not (name and equals and value):
                example = "xledger=15m" if key == "spread" else "xledger=60"
                raise typer.BadParameter(f'"{text}" is not TYPE=VALUE, such as {example}.', param_hint=f"--{key}")
            if key in proposals.setdefault(name, {}):
                raise typer.BadParameter(f"{name} is given twice.", param_hint=f"--{key}")
            proposals[name][key] = value
    return proposals


async def _named(proposals: Proposals, connection: Connection, settings: Settings) -> dict[str, dict[str, str]]:
    """What is proposed for each of the types that are meant."""
    named: dict[str, dict[str, str]] = {}
    for name, values in proposals.items():
        _, kind, _ = await scope_of(AskedScope(None, name), connection, settings)
        already = named.setdefault(str(kind), {})
        if twice := already.keys() & values.keys():
            raise typer.BadParameter(f"{kind} is given twice.", param_hint=f"--{min(twice)}")
        already.update(values)
    return named


def _proposed(name: str, values: Mapping[str, str], settings: Settings) -> Policy:
    """The type's policy with what is proposed. Raises SettingsError, as the settings would."""
    from pydantic import ValidationError

    from synkron.settings.load import TypeSettings, fault_in

    _known(name, settings, " and ".join(f"--{key}" for key in values))
    written = {key: None if (key, value) == ("pace", "none") else value for key, value in values.items()}
    try:
        read = TypeSettings.model_validate(written)
    except ValidationError as error:
        faults = [fault_in(detail).partition(": ") for detail in error.errors()]
        raise SettingsError([f"--{key} {name}=...: {fault}" for key, _, fault in faults]) from None
    return replace(settings.types[name].policy, **{key: getattr(read, key) for key in written})


def _known(name: str, settings: Settings, option: str) -> None:
    if name not in settings.types:
        raise typer.BadParameter(
            f'"{name}" is not a known integration type; known are {", ".join(sorted(settings.types))}.',
            param_hint=option,
        )


def _show(outlook: ComparedForecast, hours: int) -> None:
    """Write the chart, the types and the herds, on a terminal as much of the first and the last as its screen holds."""
    from synkron.cli.commands.forecast_chart import MOST_LINES, lines_of_chart, show_chart
    from synkron.cli.commands.forecast_tables import SIDE, herd_rows, show_herds, type_rows

    notes = _notes(outlook)
    if not any(one.fired for one in outlook.as_set.types.values()):
        notes.insert(0, f"Nothing fires in the next {hours} hours.")
        return _say(notes)
    types, herds, lines = type_rows(outlook), herd_rows(outlook), MOST_LINES
    if sys.stdout.isatty():
        told = sum(len(wrapped(note, err=True)) for note in (*notes, CUT))
        room = get_terminal_size().lines - AROUND - told - len(types)
        if room < lines_of_chart(outlook) + len(herds) + OF_HERDS:
            notes.append(CUT)
            herds = herd_rows(outlook, 1)
            if room < SHORTEST_CHART + len(herds) + OF_HERDS:
                herds = []
            lines = max(room - 1 - (len(herds) + OF_HERDS if herds else 0), SHORTEST_CHART - 1)
    show_chart(outlook, lines)
    show_lines("")
    show_table(SIDE, types)
    if herds:
        show_lines("")
        show_herds(outlook, herds)
    return _say(notes)


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        say(note)


def _notes(outlook: ComparedForecast) -> list[str]:
    """What should be looked at, and what the figures leave out."""
    as_set = warnings(outlook.as_set)
    proposed = [one for one in warnings(outlook.proposed) if one not in as_set] if outlook.proposed else []
    notes = [f"warning: {warned.message}." for warned in as_set]
    notes += [f"warning: as proposed, {warned.message}." for warned in proposed]
    if not outlook.proposed and any(one.kind is WarningKind.ABOVE_CONCURRENCY for one in as_set):
        notes.append("To see what a spread or a pace would do: `synkron forecast --spread TYPE=15m --pace TYPE=60`.")
    if any(one.policy.spread for forecast in outlook.forecasts for one in forecast.types.values()):
        notes.append("Starts of a type with a spread are those to be expected.")
    if left_out := outlook.as_set.left_out:
        notes.append(f"Left out, as they can't run: {left_out:,} of the enabled rows. `synkron check` names them.")
    if outlook.pauses:
        notes.append("Some of it may not: `synkron pauses` shows what is paused.")
    if outlook.pauses is None:
        missing = "Overrides and pauses are left out, as the role may not read them"
        notes.append(f"{missing}: `synkron migrate --grant-to ROLE`.")
    return notes
