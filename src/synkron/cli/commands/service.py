"""The commands that do the work: run, tick, migrate, version; `up` has a file of its own."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synkron.cli.clock import moments
from synkron.cli.context import Place, answer, database, invocation, mirror_for
from synkron.cli.options import AsJson, AtPast, InstallationName
from synkron.cli.output import say, show_json, show_lines
from synkron.cli.serving import refuse_unnamed, say_targets, settings_of_service, stop_on_signals
from synkron.errors import Refused
from synkron.text import several

if TYPE_CHECKING:
    from synkron.ledger.installation import Installation
    from synkron.postgres.connection import Connection
    from synkron.scheduler.tick import Tick
    from synkron.service.parts import Role
    from synkron.settings.load import Settings


def run(
    context: typer.Context,
    role: Annotated[
        list[str],
        typer.Option(metavar="ROLES", help="scheduler, worker, api; several with commas, or by giving it again."),
    ] = ["scheduler,worker"],  # noqa: B006 (Typer makes a list of its own of it)
) -> None:
    """Run the scheduler, a worker, the API, or several, until Ctrl-C or SIGTERM.

    Any number of each may run on any number of hosts. The database is that of SYNKRON_DATABASE_URL, migrated
    (`synkron migrate`), or the embedded one that `synkron up --embedded` set up in SYNKRON_DATA_DIR. The API listens on
    `listen` (127.0.0.1:8077). A first Ctrl-C lets the attempts under way finish, a second hands them back at once.

    \b
    Examples:
      synkron run
      synkron run --role scheduler
      synkron run --role worker --role api
      SYNKRON_LOG_FORMAT=json synkron run --role worker
    """
    from synkron import runtime
    from synkron.service.parts import Role
    from synkron.service.serve import check, serve

    async def serve_until_stopped(place: Place) -> None:
        async def ready(opened: Connection) -> None:
            await check(settings, opened)
            say(f"database: {place.name}")
            if Role.WORKER in roles:
                say_targets(settings)

        stop = stop_on_signals()
        environment = invoked.environment
        await serve(place.url, settings, roles, stop.asked, environment, at_once=stop.at_once, ready=ready)

    roles = _roles(role)
    invoked = invocation(context)
    settings = settings_of_service(invoked, roles)
    with database(settings) as place:
        runtime.run(serve_until_stopped(place))


def tick(context: typer.Context, at: AtPast = None, as_json: AsJson = False) -> None:
    """Tick once: claim what is due, then exit. For cron, a systemd timer or any other clock of your own.

    The database is that of SYNKRON_DATABASE_URL, or the embedded one in SYNKRON_DATA_DIR, as for `synkron run`.
    Workers deliver what was claimed. With --at, the minute around that past instant is claimed, in so far as
    nobody claimed it before.

    \b
    Examples:
      synkron tick
      synkron tick --json
      synkron tick --at 2026-11-23T02:00+01:00
    """

    async def ask(connection: Connection, settings: Settings) -> Tick:
        from synkron.ledger.retention import make_partitions_ahead
        from synkron.runtime import process_name
        from synkron.scheduler.tick import tick
        from synkron.source.reader import warn_invalid

        [moment] = await moments(connection, settings, at)
        mirror = mirror_for(settings, invocation(context))
        done = await tick(connection, settings, scheduler=process_name(), source="once", at=moment, mirror=mirror)
        for row in done.invalid:
            warn_invalid(row)
        await make_partitions_ahead(connection)
        return done

    refuse_unnamed(invocation(context).settings())
    done = answer(context, ask)
    if as_json:
        show_json(
            {
                "due": done.due,
                "claimed": done.claimed,
                "skipped": done.skipped,
                "held": done.held,
                "invalid": len(done.invalid),
                "run_ids": done.run_ids,
            }
        )
    else:
        held = f", {several(done.held, 'integration')} held" if done.held else ""
        show_lines(
            f"{done.due} due, {done.claimed} claimed, {done.skipped} skipped{held}; "
            f"{several(len(done.invalid), 'row')} can't run."
        )


def migrate(
    context: typer.Context,
    with_source_tables: Annotated[
        bool, typer.Option("--with-source-tables", help="Also make the application's two tables where missing.")
    ] = False,
    with_index: Annotated[
        bool, typer.Option("--with-index", help="Also make the indexes that carry the due read, without locking.")
    ] = False,
    grant_to: Annotated[
        str | None, typer.Option(metavar="ROLE", help="The role that the service runs as, if it is another.")
    ] = None,
    installation: InstallationName = None,
    emit: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Change nothing; write migrations there that the Supabase CLI applies."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the schema synkron up to this release. It is safe to repeat.

    Run it as a role that may create a schema. Your own two tables are never altered; --with-index adds an index of
    the schedules to one, and an index of the zones to the other. A name tells installations apart whose databases were
    copied as a whole: processes whose settings name another one (`installation`) refuse to start.

    With --emit, the Supabase CLI applies the migrations with your own. What one way has done, the other leaves alone.

    \b
    Examples:
      synkron migrate
      synkron migrate --with-index --grant-to synkron_service
      synkron migrate --with-source-tables --json
      synkron migrate --installation prod
      synkron migrate --emit supabase/migrations --grant-to synkron_service
    """
    if emit is not None:
        if not emit.name:
            raise typer.BadParameter("--emit is empty; name the folder, such as supabase/migrations.")
        if with_source_tables or with_index or installation is not None:
            raise typer.BadParameter("--emit goes with --grant-to and --json alone.")
        _emit(emit, grant_to, as_json=as_json)
        return

    async def ask(connection: Connection, settings: Settings) -> tuple[list[str], Installation]:
        from asyncpg import InsufficientPrivilegeError

        from synkron.ledger import migrate
        from synkron.ledger.asked import check_asked
        from synkron.ledger.installation import read_installation

        await check_asked(
            connection,
            settings.source,
            grant_to=grant_to,
            installation=installation,
            source_tables=with_source_tables,
            indexes=with_index,
        )
        try:
            applied = await migrate.migrate(connection, grant_to=grant_to, installation=installation)
        except InsufficientPrivilegeError as error:
            raise Refused(
                f"This role may not migrate the database: {error}. Run `synkron migrate` as the database's owner, with "
                "--grant-to and the role that the service runs as."
            ) from error
        if with_source_tables:
            await migrate.create_source_tables(connection, settings.source, grant_to=grant_to)
        if with_index:
            await migrate.create_due_indexes(connection, settings.source)
        return applied, await read_installation(connection)

    applied, found = answer(context, ask)
    if as_json:
        show_json(
            {
                "applied": applied,
                "source_tables": with_source_tables,
                "index": with_index,
                "granted_to": grant_to,
                "installation_id": str(found.id),
                "installation_name": found.name,
                "is_at_home": found.is_at_home,
            }
        )
    else:
        show_lines(f"Applied {', '.join(applied)}." if applied else "Nothing to apply: the database is up to date.")
        show_lines(f"This is {found}{'' if found.is_at_home else ', and not at home: see `synkron adopt --help`'}.")
        if with_index:
            show_lines("The indexes of the due read are there: synkron_due_expressions, and synkron_due_timezones.")


def version(as_json: AsJson = False) -> None:
    """Show the release.

    \b
    Examples:
      synkron version
      synkron version --json
    """
    from synkron.runtime import installed_version

    if as_json:
        show_json(
            {"synkron": installed_version(), "python": platform.python_version(), "platform": platform.platform()}
        )
    else:
        show_lines(f"synkron {installed_version()}")


def _roles(written: Sequence[str]) -> list[Role]:
    from synkron.service.parts import Role

    names = [name.strip() for one in written for name in one.split(",")]
    unknown = [name for name in names if name not in list(Role)]
    if unknown:
        raise typer.BadParameter(
            f'"{unknown[0]}" is not a role; allowed are {", ".join(Role)}, separated by a comma', param_hint="--role"
        )
    return list(dict.fromkeys(Role(name) for name in names))


def _emit(folder: Path, grant_to: str | None, *, as_json: bool) -> None:
    from synkron.ledger.emit import emit

    now = datetime.now(UTC)  # noqa: TID251 (the edge: without a database there is no other clock)
    made = [str(path) for path in emit(folder, now, grant_to=grant_to)]
    if as_json:
        show_json({"files": made})
    elif made:
        show_lines(*made, "Apply them with `supabase db push --remote`.")
    else:
        show_lines(f"Nothing to write: {folder} has all migrations of this release.")
