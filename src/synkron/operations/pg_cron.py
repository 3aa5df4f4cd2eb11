"""pg_cron as a second clock: installed, looked at, and removed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import InsufficientPrivilegeError, PostgresError

from synkron.errors import Refused
from synkron.model import EVERYTHING
from synkron.operations.audit import record
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries

WAKE, CALL, CLAIM = "wake", "call", "claim"
# The job of each mode, and what it calls.
JOBS = {
    WAKE: ("synkron wake", "call synkron.wake()"),
    CALL: ("synkron call", "call synkron.call()"),
    CLAIM: ("synkron claim", "select synkron.claim_planned()"),
}
ROUTINES = {WAKE: "wake_procedure", CALL: "call_procedure", CLAIM: "claim_function"}
SECRET = "synkron_tick"  # noqa: S105 (its name in the vault)
DAY = timedelta(days=1)
SQL = statements("operations/pg_cron")
# These need pg_cron.
JOBS_SQL = statements("operations/pg_cron_jobs")


@dataclass(frozen=True, slots=True)
class SecondClock:
    """How pg_cron is used: ``calls`` is the address that it calls. Everything up to ``planned_until`` is planned."""

    wakes: bool
    calls: str | None
    claims: bool
    ahead: timedelta
    installed_at: datetime
    planned_until: datetime | None
    schedulers_rest_until: datetime | None

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that are installed."""
        modes = {WAKE: self.wakes, CALL: self.calls, CLAIM: self.claims}
        return tuple(mode for mode, is_on in modes.items() if is_on)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of pg_cron, and how its last run went; None if it has not run yet."""

    name: str
    is_active: bool
    schedule: str
    status: str | None
    message: str | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AskedClock:
    """The mode to install, and how far ahead a scheduler plans, if it is given. ``url`` is the address to call."""

    mode: str
    ahead: timedelta | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """The clock, its jobs, the plans ahead; and of the last day, when each clock ticked last and what it claimed.

    pg_cron shows its ``jobs`` only to the role that installed them, unless that role ``sees_all_jobs``.
    """

    clock: SecondClock | None
    version: str | None
    jobs: Sequence[Job]
    sees_all_jobs: bool
    scheduler_ticked_at: datetime | None
    pg_cron_ticked_at: datetime | None
    plans: int
    claimed_by_schedulers: int
    claimed_by_pg_cron: int


async def read_clock(connection: Connection) -> SecondClock | None:
    """How pg_cron is used; None if it is not."""
    row = await connection.fetchrow(SQL["clock"])
    return None if row is None else read(SecondClock, row)


async def read_status(connection: Connection) -> ClockStatus:
    """How both clocks do."""
    async with read_transaction(connection) as now:
        [available] = await connection.fetch(SQL["available"])
        names = [name for name, _ in JOBS.values()]
        jobs = await connection.fetch(JOBS_SQL["jobs"], names) if available["reads_jobs"] else []
        [state] = await connection.fetch(SQL["state"], now - DAY)
        return read(
            ClockStatus,
            state,
            clock=await read_clock(connection),
            version=available["version"],
            jobs=[read(Job, row) for row in jobs],
            sees_all_jobs=available["sees_all_jobs"],
        )


async def plan_install(connection: Connection, mode: str = CLAIM) -> SecondClock | None:
    """What is installed now, in the caller's transaction. Raises Refused if the mode can't be used in this database."""
    await _check(connection)
    if mode == CALL:
        await _check_call(connection)
    return await read_clock(connection)


async def install(connection: Connection, settings: Settings, asked: AskedClock, author: str) -> SecondClock:
    """Make the job of the mode, and what it calls. Raises Refused if pg_cron can't be used in this database."""
    queries = SourceQueries(settings.source)
    name, command = JOBS[asked.mode]
    async with write_transaction(connection):
        await _check(connection)
        before = await read_clock(connection)
        try:
            await connection.execute(SQL["create"])
            text = queries.sql("operations/pg_cron")[ROUTINES[asked.mode]]
            if asked.mode == CALL:
                text = text.replace("CRYPTO", await _check_call(connection))
            await connection.execute(text)
            await connection.execute(SQL["set"], asked.mode == WAKE, asked.url, asked.mode == CLAIM, asked.ahead)
            await connection.execute(SQL["forget_plans"])
            await connection.execute(JOBS_SQL["schedule"], name, command)
        except InsufficientPrivilegeError as error:
            raise Refused(
                f"pg_cron can't be set up: {error.args[0]}. Run this as the owner of the schema synkron, after a "
                "superuser has run `create extension if not exists pg_cron; grant usage on schema cron to ROLE` for it."
            ) from None
        except PostgresError as error:
            raise Refused(f"pg_cron can't be set up: {error.args[0]}.") from None
        after = await read_clock(connection)
        assert after is not None  # noqa: S101 (it was written above)
        await _record(connection, author, "install", None if before is None else before.modes, after.modes)
    return after


async def plan_remove(connection: Connection) -> SecondClock:
    """What is installed, in the caller's transaction. Raises Refused if nothing is."""
    found = await read_clock(connection)
    if found is None:
        raise Refused("pg_cron is not used as a second clock. `synkron pg-cron install` sets it up.")
    return found


async def remove(connection: Connection, author: str) -> SecondClock:
    """Remove the jobs and what they call. The extension stays. Returns what was installed."""
    async with write_transaction(connection):
        found = await plan_remove(connection)
        [available] = await connection.fetch(SQL["available"])
        if available["version"] is not None:
            await connection.execute(JOBS_SQL["unschedule"], [name for name, _ in JOBS.values()])
        for statement in ("drop_routines", "forget_plans", "unset"):
            await connection.execute(SQL[statement])
        await _record(connection, author, "remove", found.modes, ())
    return found


async def _check(connection: Connection) -> None:
    [row] = await connection.fetch(SQL["available"])
    if not row["is_available"]:
        raise Refused(
            "This server has no pg_cron. Install it (on Debian the package postgresql-NN-cron) and add it to "
            "shared_preload_libraries; on Supabase, enable the extension pg_cron."
        )
    if row["version"] is None and row["its_database"] != row["this_database"]:
        its = row["its_database"]
        raise Refused(
            "pg_cron is not loaded: add it to shared_preload_libraries and restart the server."
            if its is None
            else f"This server's pg_cron runs in the database {its}. Set cron.database_name to {row['this_database']}, "
            "and restart the server."
        )


async def _check_call(connection: Connection) -> str:
    """The schema of pgcrypto. Raises Refused if pg_cron can't call: without pg_net, pgcrypto or the secret."""
    [can] = await connection.fetch(SQL["can_call"])
    if not can["has_pg_net"]:
        raise Refused(
            "There is no pg_net, which sends the request: `create extension pg_net`, on Supabase under Extensions."
        )
    if can["hmac_schema"] is None:
        raise Refused(
            "There is no pgcrypto, which signs the request: `create extension pgcrypto with schema extensions`."
        )
    if not (can["has_vault"] and await connection.fetchval(JOBS_SQL["has_secret"], SECRET)):
        raise Refused(
            f"The vault has no secret {SECRET}, which signs the request. Give it the one that tick_secret in "
            f"synkron.toml points to: `select vault.create_secret('whsec_...', '{SECRET}')`."
        )
    return str(can["hmac_schema"])


async def _record(
    connection: Connection, author: str, verb: str, before: Collection[str] | None, after: Collection[str]
) -> None:
    await record(
        connection,
        author=author,
        action=f"pg_cron {verb}",
        subject="the second clock",
        about=EVERYTHING,
        before=None if before is None else {"modes": list(before)},
        after={"modes": list(after)},
    )
