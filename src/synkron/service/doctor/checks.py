"""The checks, in the order in which they are made."""

from __future__ import annotations

from dataclasses import replace

from synkron.delivery.targets import read_addresses
from synkron.errors import LedgerMissing, ServiceRoleRequired, SourceTableMissing
from synkron.incidents.conditions.wording import listed
from synkron.ledger.installation import at_home
from synkron.ledger.migrate import check_ledger
from synkron.ledger.nodes import NOTABLE_SKEW, clock_skew, nodes
from synkron.operations.pg_cron import plan_install, read_status
from synkron.postgres.pooler import known_mode
from synkron.postgres.statements import migrations
from synkron.service.doctor import data_api, host, ledger, network, pg_cron, server, store, tables
from synkron.service.doctor.check import Check, Context
from synkron.service.doctor.finding import Finding, identifier, migrate_for, ok, refused
from synkron.service.status.targets import types_without_target
from synkron.settings.load import Settings
from synkron.settings.secrets import references_of
from synkron.source.mirror import mirror_of
from synkron.source.queries import ROWS_HIDDEN, refuse_users
from synkron.source.reader import plan_due
from synkron.text import several

# Seconds before its end at which the check of the rows stops reading.
TO_SPARE = 2.0


async def _settings(given: Context) -> list[Finding]:
    return host.settings(given.faults, host.unread_secrets(given.settings, given.environment))


async def _secrets(given: Context) -> list[Finding]:
    unread = host.unread_secrets(given.settings, given.environment)
    return host.secrets(given.faults, unread, len(references_of(given.settings)))


async def _connection(given: Context) -> Finding:
    given.opened = await given.stack.enter_async_context(given.connect())
    given.server = await store.read_server(given.connection)
    return server.connection(given.server, known_mode(given.url))


async def _server(given: Context) -> Finding:
    return server.version(given.server)


async def _clock(given: Context) -> Finding:
    _, skew = await clock_skew(given.connection, given.clock)
    return server.clock(skew, NOTABLE_SKEW)


async def _ledger(given: Context) -> Finding:
    return ledger.grants(await store.read_ledger_grants(given.connection), given.server.role)


async def _migrations(given: Context) -> Finding:
    try:
        await check_ledger(given.connection)
    except LedgerMissing as error:
        return refused(error, migrate_for(given.server.role))
    return ok(f"{several(len(migrations()), 'migration')}, all applied.")


async def _installation(given: Context) -> Finding:
    return ok(f"This is {await at_home(given.connection, given.settings)}.")


async def _scheduler(given: Context) -> Finding:
    running = await nodes(given.connection, given.settings.heartbeat)
    return ledger.scheduler(await store.read_ticks(given.connection), running)


async def _worker(given: Context) -> Finding:
    running = await nodes(given.connection, given.settings.heartbeat)
    if (since := ledger.working_since(running)) is not None:
        given.called = await store.read_called(given.connection, since)
    return ledger.worker(running)


async def _targets(given: Context) -> list[Finding]:
    """After the check of the worker: a running one may have targets by other settings."""
    if not _is_without_any(given.settings):
        return await network.reach(read_addresses(given.settings))
    if given.called:
        return [ok(f"These settings name none. A running worker has called those of {listed(sorted(given.called))}.")]
    return [tables.without_any_target(next(iter(given.settings.types)))]


async def _pg_cron(given: Context) -> Finding:
    status = await read_status(given.connection)
    if status.clock is not None and status.version is None:
        await plan_install(given.connection)  # says why it can't be installed
    return pg_cron.second_clock(status, await store.read_pg_net(given.connection))


async def _queue(given: Context) -> Finding:
    jobs, ticks = await store.read_jobs(given.connection), await store.read_ticks(given.connection)
    return ledger.queue(jobs, ticks.now, given.settings.announce.late_after, given.settings.policies)


async def _retention(given: Context) -> Finding:
    return ledger.retention(given.settings.retention, await store.longest_window(given.connection))


async def _data_api(given: Context) -> list[Finding]:
    mirror = mirror_of(given.settings, given.environment)
    if mirror is None:
        return [ok("It is not the source.")]
    found = [data_api.key(mirror.api.check())]
    async for table, page in data_api.pages(mirror.api, given.settings.source):
        found.append(data_api.page(table, page))
    return found


async def _tables(given: Context) -> Finding:
    """Whether the tables and columns exist, may be read, and fit the due read."""
    try:
        await plan_due(given.connection, given.source)
    except ServiceRoleRequired as error:
        return refused(error, None if str(error) == ROWS_HIDDEN else _grant(given))
    except SourceTableMissing as error:
        found = refused(error)
        return replace(found, commands=found.commands and (migrate_for(given.server.role, "--with-source-tables"),))
    names = given.settings.source
    return ok(f"{names.schema_name}: {names.organizations.table}, {names.integrations.table}.")


def _grant(given: Context) -> str:
    role, names = identifier(given.server.role), given.settings.source
    schema = identifier(names.schema_name)
    both = ", ".join(f"{schema}.{identifier(one.table)}" for one in (names.organizations, names.integrations))
    return f"grant usage on schema {schema} to {role}; grant select on {both} to {role};"


async def _row_security(given: Context) -> Finding:
    refusal, secured = await store.read_row_security(given.connection, given.source)
    if refusal != "rows":
        refuse_users(refusal)
    return tables.row_security(given.server.role, secured, hides=refusal is not None)


async def _indexes(given: Context) -> Finding:
    if given.settings.source.data_api:
        return ok("The mirror of the tables needs none.")
    return tables.indexes(await store.read_indexes(given.connection, given.source))


async def _rows(given: Context) -> list[Finding]:
    count = await store.count_rows(given.connection, given.settings, given.until - TO_SPARE)
    # That none has a target is said already.
    is_said = _is_without_any(given.settings) and not given.called
    unset = [] if is_said else types_without_target(given.settings, set(count.types) - given.called)
    return [tables.rows(count), *([tables.without_target(unset)] if unset else [])]


def _is_without_any(settings: Settings) -> bool:
    return not any(one.target for one in settings.types.values())


HERE = (
    Check("settings", _settings),
    Check("secrets", _secrets),
    Check("data API", _data_api, within=30.0),
)
SERVER = (
    Check("connection", _connection, within=15.0),
    Check("server", _server, needs=("connection",)),
    Check("clock", _clock, needs=("connection",)),
)
LEDGER = (
    Check("ledger", _ledger, needs=("connection",)),
    Check("migrations", _migrations, needs=("ledger",)),
    Check("installation", _installation, needs=("migrations",)),
    Check("scheduler", _scheduler, needs=("migrations",)),
    Check("worker", _worker, needs=("migrations",)),
    Check("targets", _targets, within=10.0),
    Check("pg_cron", _pg_cron, needs=("migrations",)),
    Check("queue", _queue, needs=("migrations",)),
    Check("retention", _retention, needs=("migrations",)),
)
# Behind a Data API, the tables are their mirror. The rows take the longest.
SOURCE = (
    Check("tables", _tables, needs=("connection",)),
    Check("row security", _row_security, needs=("tables",)),
    Check("indexes", _indexes, needs=("tables",)),
    Check("rows", _rows, needs=("row security",), within=20.0),
)
CHECKS = (*HERE, *SERVER, *LEDGER, *SOURCE)
