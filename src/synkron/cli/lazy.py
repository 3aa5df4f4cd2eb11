"""Commands that are imported when they are called, so that `synkron --help` and completion answer at once."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

# The commands by purpose, in the order in which a person needs them: the summary of each, and where it is: the file in
# ``commands``, and its name there.
GROUPS = {
    "Set up and run": {
        "up": ("Do everything in one process, until Ctrl-C or SIGTERM.", "up:up"),
        "migrate": ("Bring the schema synkron up to this release.", "service:migrate"),
        "doctor": ("Check everything that Synkron needs, and say what mends each fault.", "doctor:doctor"),
        "check": ("Check every row of the table of integrations.", "check:check"),
        "announce": ("Try out the channels that incidents are announced to.", "announce:announce"),
        "run": ("Run the scheduler, a worker, the API, or several, until Ctrl-C or SIGTERM.", "service:run"),
        "tick": ("Tick once: claim what is due, then exit.", "service:tick"),
        "pg-cron": ("Let pg_cron be a second clock, for when no scheduler ticks.", "pg_cron:pg_cron"),
    },
    "See whether all is well": {
        "status": (
            "Show on one screen whether all is well: who ticks and works, what waits, what is wrong, what comes next.",
            "status:status",
        ),
        "report": (
            "Tell what was exported in a night, a day, a week or a month, and which time no successful export covers.",
            "report:report",
        ),
        "runs": ("Show what was decided and what ran, the newest first.", "runs:runs"),
        "incidents": ("Show what is wrong now: the open incidents, the newest first.", "silences:incidents"),
        "verify": ("Verify that everything that was due ran, once and in time.", "verify:verify"),
        "drift": (
            "Show how late runs start, by type, in which stage the time is lost, and the worst runs.",
            "drift:drift",
        ),
        "health": (
            "Show the health of the vendors' endpoints, how it is known, and when the next probe is due.",
            "health:health",
        ),
        "nodes": (
            "Show the schedulers, workers and APIs of the last seven days, the one seen last first.",
            "nodes:nodes",
        ),
    },
    "Look at the schedules": {
        "next": ("Show what fires next, over all organizations, soonest first.", "schedules:coming_next"),
        "due": ("Show which integrations fire in the minute around an instant.", "schedules:due"),
        "why": ("Say in words why an integration did or did not run at a minute.", "why:why"),
        "explain": ("Explain a cron expression.", "explain:explain"),
        "forecast": (
            "Forecast how many integrations fire and start, minute by minute, over the whole fleet.",
            "forecast:forecast",
        ),
    },
    "Step in": {
        "trigger": ("Run one integration now, outside its schedule.", "trigger:trigger"),
        "backfill": ("Run the occurrences of a past range that did not run.", "backfill:backfill"),
        "pause": ("Pause an integration, an organization, a type, or everything.", "pauses:pause"),
        "resume": ("End a pause, named by its number or by exactly its scope.", "pauses:resume"),
        "pauses": ("Show the pauses in effect, the newest first.", "pauses:list_pauses"),
        "overrides": (
            "Show the integrations for which something is set over their type's policy.",
            "overrides:overrides",
        ),
        "probe": (
            "Probe the vendor of an integration type now, or show with --dry-run what would be sent.",
            "probe:probe",
        ),
        "adopt": (
            "Say whether a copied or restored ledger is the original or a copy, so that it runs again.",
            "adopt:adopt",
        ),
        "audit": ("Show who changed what, the newest first.", "audit:audit"),
    },
    "Say who may": {
        "login": ("Print a link that logs you in to the dashboard: once, within ten minutes.", "login:login"),
        "people": ("Say who may log in to the dashboard, and what they may.", "people:people"),
        "token": ("Make, list and revoke the tokens with which programs ask the API.", "tokens:token"),
    },
    "About Synkron": {
        "version": ("Show the release.", "service:version"),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


class Later(TyperCommand):
    """A command as `synkron --help` and completion name it, until it is called."""

    def __init__(self, name: str, summary: str, place: str) -> None:
        super().__init__(name, help=summary, rich_markup_mode=None)
        self._place = place

    @cached_property
    def loaded(self) -> Any:  # noqa: ANN401  Typer's classes of commands have no public name
        """The command itself."""
        module, _, name = self._place.partition(":")
        found = getattr(import_module(f"synkron.cli.commands.{module}"), name)
        group = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        group.callback()(lambda: None)
        if isinstance(found, typer.Typer):
            group.add_typer(found, name=self.name)
        else:
            group.command(self.name)(found)
        made: Any = get_command(group)
        command = made.commands[self.name]
        for one in (command, *getattr(command, "commands", {}).values()):
            defer_coercion(one)
        return command


class Commands(TyperGroup):
    """All of them."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  as Typer has it
        super().__init__(**attributes)
        defer_coercion(self)
        for name, (summary, place) in COMMANDS.items():
            self.add_command(Later(name, summary, place))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002  as Typer has it
        """List them by purpose, all summaries in one column."""
        widest = max(map(len, COMMANDS))
        limit = formatter.width - widest - 4
        for purpose, group in GROUPS.items():
            with formatter.section(purpose):
                formatter.write_dl(
                    [(name.ljust(widest), self.commands[name].get_short_help_str(limit)) for name in group]
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401
        """The command that is called, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.loaded if isinstance(command, Later) else command, rest


class Deferred:
    """How the value of an option is read, without pydantic where it was not given or has a parser of its own.

    Typer imports pydantic for every option that is no flag, which takes longer than most commands.
    """

    def __init__(self, parameter: Any) -> None:  # noqa: ANN401  as Typer has it
        self._parse = parameter.type_descriptor.parameter_info.parser
        self._build = parameter.get_runtime_param

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401  as Typer has it
        """The value as the command gets it."""
        has_several = param.multiple or param.nargs == -1
        if value is None:
            return () if has_several else None
        if self._parse and not has_several:
            return self._parse(value)
        return self._build().coerce(value, param=param, ctx=ctx)


def defer_coercion(command: Any) -> None:  # noqa: ANN401  as Typer has it
    """Let each of the command's options, `--help` among them, read its value so."""
    get_params = command.get_params

    def deferred(ctx: Any) -> list[Any]:  # noqa: ANN401  as Typer has it
        found: list[Any] = get_params(ctx)
        for parameter in found:
            if "get_runtime_param" not in vars(parameter):
                reader = Deferred(parameter)
                parameter.get_runtime_param = lambda reader=reader: reader
        return found

    command.get_params = deferred
