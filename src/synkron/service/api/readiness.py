"""Whether this process can serve, and what it lacks. Anybody may ask, so the answer names no database and no table."""

from __future__ import annotations

import asyncio

from synkron.errors import DatabaseError, LedgerMissing, Refused, ServiceRoleRequired, SourceTableMissing
from synkron.ledger.installation import why_nothing_is_fired
from synkron.ledger.migrate import check_ledger
from synkron.postgres.connection import DRIVER_FAULTS, Connection
from synkron.runtime import log
from synkron.service.api.served import Served
from synkron.source.queries import SourceQueries
from synkron.source.reader import check_source

WITHIN = 5.0  # seconds
REMEDIES = {
    "database": "the database can't be reached",
    "ledger": "Synkron's own tables are missing or older than this release: `synkron migrate`",
    "role": "the role lacks a grant, or would see too few rows: `synkron doctor`",
    "source tables": "the application's tables are not as the settings say: `synkron doctor`",
    "home": "the ledger is a copy, or was restored, so that nothing is fired from it: `synkron adopt --help`",
}


async def missing(parts: Served) -> tuple[str, ...]:
    """What is missing, by the keys of ``REMEDIES``; nothing if this process can serve. The log has the reasons."""
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(WITHIN), parts.pool.acquire() as connection:
            for check in (_check_ledger, _check_source):
                await check(connection, parts, found)
    except (*DRIVER_FAULTS, TimeoutError, OSError, DatabaseError) as error:
        found["database"] = str(error) or type(error).__name__
    if found:
        log.warning("not ready", **{name.replace(" ", "_"): reason for name, reason in found.items()})
    return tuple(found)


async def _check_ledger(connection: Connection, parts: Served, found: dict[str, str]) -> None:
    try:
        async with SourceQueries(parts.settings.source).in_words():
            await check_ledger(connection)
            if reason := await why_nothing_is_fired(connection, parts.settings):
                found["home"] = reason
    except ServiceRoleRequired as error:
        found["role"] = str(error)
    except (LedgerMissing, Refused) as error:
        found["ledger"] = str(error)


async def _check_source(connection: Connection, parts: Served, found: dict[str, str]) -> None:
    try:
        await check_source(connection, parts.settings.source)
    except ServiceRoleRequired as error:
        found["role"] = str(error)
    except SourceTableMissing as error:
        found["source tables"] = str(error)
