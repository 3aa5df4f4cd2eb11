"""The commands for the second clock: pg-cron install, status, drill, remove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.confirm import Change, changing
from synkron.cli.context import answer
from synkron.cli.options import AsJson, span_between, whole
from synkron.cli.output import facts_in_json, lateness, show_facts, show_json, show_lines, show_table
from synkron.cli.table import Field, second
from synkron.service.forms import held_by

if TYPE_CHECKING:
    from synkron.operations.pg_cron import ClockStatus, SecondClock

pg_cron = typer.Typer(no_args_is_help=True)

JOB = [
    Field("job", "name"),
    Field("active", lambda job: "yes" if job.is_active else "no"),
    Field("last run (UTC)", "started_at", second),
    Field("result", lambda job: job.status or "not yet"),
    Field("", "message", shrink=True),
]
DRILLED = [
    Field("moment (UTC)", key="scheduled_for", shown=second),
    Field("by pg_cron", key="claimed_by_pg_cron", right=True),
    Field("by schedulers", key="claimed_by_schedulers", right=True),
    Field("unclaimed", key="unclaimed", right=True),
    Field("p95 late", "p95", lateness, right=True),
    Field(key="p95_ms", value="p95"),
]


class Mode(StrEnum):
    """What pg_cron does."""

    WAKE = "wake"
    CALL = "call"
    CLAIM = "claim"


@pg_cron.callback()
def second_clock() -> None:
    """Let pg_cron be a second clock, for when no scheduler ticks."""


@pg_cron.command()
@changing
def install(
    mode: Annotated[
        Mode,
        typer.Option(help="wake: it wakes the schedulers. call: it calls the API. claim: it claims what they planned."),
    ] = Mode.CLAIM,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the API ticks: https://HOST/v1/tick; for mode call.")
    ] = None,
    ahead: Annotated[
        timedelta | None,
        typer.Option(
            parser=span_between(timedelta(minutes=2), timedelta(days=1)),
            metavar="SPAN",
            help="How far ahead the schedulers plan: 2m to 24h.",
            show_default="15m, or as installed before",
        ),
    ] = None,
) -> Change[SecondClock | None, SecondClock]:
    """Install pg_cron's job for the mode: one job, whatever the number of organizations.

    With claim, a scheduler plans the coming moments. At a minute that no scheduler has decided, which they do half a
    minute ahead, pg_cron claims on time what is planned and has not been edited since. When a scheduler ticks again, it
    decides the rest. Both may run at once. Runs of types with a pace are left to the schedulers.

    With call, pg_cron and pg_net send a signed request to the role api at each half minute, which ticks and warms the
    targets up. The secret is the one in the vault with the name synkron_tick.

    \b
    Examples:
      synkron pg-cron install
      synkron pg-cron install --mode claim --ahead 1h
      synkron pg-cron install --mode wake --yes
      synkron pg-cron install --mode call --url https://synkron.example.com/v1/tick
    """
    from synkron.operations import pg_cron as operation
    from synkron.settings.addresses import fault_in_address

    if (url is not None) != (mode is Mode.CALL):
        raise typer.BadParameter("--url goes with --mode call, which needs it")
    # pg_cron's tables would show a password or a query.
    if url is not None and (fault := fault_in_address(url) or ("it has no path" if url.count("/") < 3 else None)):
        raise typer.BadParameter(f"--url: {fault}; expected an address such as https://synkron.example.com/v1/tick")
    asked = operation.AskedClock(mode.value, ahead, url)
    return Change(
        plan=lambda connection, _settings, _now: operation.plan_install(connection, asked.mode),
        do=lambda connection, settings, author: operation.install(connection, settings, asked, author),
        question="Install it?",
        told=lambda found: _installing(found, asked.mode),
        done=lambda _, made: [f"pg_cron is the second clock, with {_modes(made)}. `synkron pg-cron status` shows it."],
        json=lambda plan, done: _as_json(done or plan),
    )


@pg_cron.command()
@changing
def remove() -> Change[SecondClock, SecondClock]:
    """Remove pg_cron's jobs and what they call. The extension stays.

    \b
    Examples:
      synkron pg-cron remove
      synkron pg-cron remove --dry-run
    """
    from synkron.operations import pg_cron as operation

    return Change(
        plan=lambda connection, _settings, _now: operation.plan_remove(connection),
        do=lambda connection, _, author: operation.remove(connection, author),
        question="Remove it?",
        told=lambda found: [f"pg_cron stops being the second clock ({_modes(found)})."],
        done=lambda _, found: [f"Removed: {_modes(found)}. Only the schedulers tick now."],
        json=lambda plan, done: _as_json(done or plan),
    )


@pg_cron.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show both clocks: when each ticked last, what each claimed in the last 24 hours, and pg_cron's jobs.

    \b
    Examples:
      synkron pg-cron status
      synkron pg-cron status --json
    """
    from synkron.operations import pg_cron as operation

    found = answer(context, lambda connection, _: operation.read_status(connection))
    if as_json:
        show_json(held_by(found) | {"clock": None if found.clock is None else held_by(found.clock)})
        return
    show_facts(_facts(found), JOB, found.jobs)


@pg_cron.command()
def drill(
    context: typer.Context,
    minutes: Annotated[int, typer.Option(help="For how long the schedulers rest.", **whole(1, 60))] = 3,
    as_json: AsJson = False,
) -> None:
    """Drill the hand-over: let the schedulers rest, watch pg_cron claim, and report.

    Nothing is missed: the schedulers go on after the time, or when you press Ctrl-C, and decide what pg_cron left.
    Ends with 3 if a planned moment was not claimed.

    \b
    Examples:
      synkron pg-cron drill
      synkron pg-cron drill --minutes 5 --json
    """
    from synkron.cli.output import ExitCode
    from synkron.operations import pg_cron_drill

    def begun(until: datetime) -> None:
        if not as_json:
            show_lines(f"The schedulers rest until {second(until)} UTC; pg_cron claims.", err=True)

    moments = answer(context, lambda connection, _: pg_cron_drill.drill(connection, timedelta(minutes=minutes), begun))
    if as_json:
        show_json({"moments": [facts_in_json(one, DRILLED) for one in moments]})
    elif moments:
        show_table(DRILLED, moments)
    else:
        show_lines("Nothing was due in that time.")
    if any(one.unclaimed for one in moments):
        raise typer.Exit(ExitCode.DATA)


def _installing(found: SecondClock | None, mode: str) -> Iterator[str]:
    yield f'Installs the pg_cron job "synkron {mode}", which runs every minute.'
    if found is not None:
        yield f"Installed already: {_modes(found)}."


def _modes(clock: SecondClock) -> str:
    return " and ".join(f"mode {mode}" for mode in clock.modes)


def _as_json(clock: SecondClock | None) -> Mapping[str, object]:
    return {"clock": None if clock is None else held_by(clock)}


def _facts(found: ClockStatus) -> dict[str, str]:
    clock = found.clock
    facts = {
        "pg_cron": found.version or "not installed",
        "mode": "not used" if clock is None else " and ".join(clock.modes),
        "last tick of a scheduler": second(found.scheduler_ticked_at) or "not in 24 h",
        "last tick of pg_cron": second(found.pg_cron_ticked_at) or "not in 24 h",
        "claimed in 24 h": f"{found.claimed_by_schedulers:,} by schedulers, {found.claimed_by_pg_cron:,} by pg_cron",
    }
    if clock is not None and clock.claims:
        until = second(clock.planned_until)
        facts["planned"] = f"{found.plans:,} runs, up to {until}" if until else "nothing yet: a scheduler has to tick"
    return facts
