"""Opens connections to the database: what the driver is told, by the address and by what stands in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from synkron.postgres.address import Address
from synkron.postgres.by_transaction import ByTransaction
from synkron.postgres.pooler import Mode, find_mode, known_mode
from synkron.postgres.sessions import settle
from synkron.postgres.silence import end_left_behind
from synkron.postgres.watch import DRIVER_TIMEOUT, WatchedConnection

STATEMENTS = 100  # that the driver keeps prepared on a connection


async def opened(url: str, address: Address, settings: Mapping[str, str]) -> WatchedConnection:
    """A new connection with the settings. The first one of a process finds out what stands in between."""
    mode = known_mode(url)
    connection = await _dialled(address, mode)
    try:
        if mode is None:
            mode = await find_mode(url, address.place, connection, partial(_another, address))
            if mode is Mode.TRANSACTION:
                connection.terminate()
                connection = await _dialled(address, mode)
        await prepare(url, address, connection, settings)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def prepare(url: str, address: Address, connection: WatchedConnection, settings: Mapping[str, str]) -> None:
    """Make a new connection fit for use."""
    connection.keep_alive(address.keep_alive)
    await settle(connection, settings, address.connect_timeout)
    await end_left_behind(url, connection)


def options(address: Address, mode: Mode | None, **further: object) -> dict[str, Any]:
    """What the driver is told. Nothing is prepared by name unless the connection keeps its session."""
    is_lasting = mode in (Mode.DIRECT, Mode.SESSION)
    return {
        "timeout": address.connect_timeout,
        "command_timeout": DRIVER_TIMEOUT,
        "connection_class": ByTransaction if mode is Mode.TRANSACTION else WatchedConnection,
        "server_settings": {"application_name": address.application_name},
        "statement_cache_size": STATEMENTS if is_lasting else 0,
        **further,
    }


async def _dialled(address: Address, mode: Mode | None) -> WatchedConnection:
    connection: WatchedConnection = await asyncpg.connect(address.url, **options(address, mode))
    return connection


@asynccontextmanager
async def _another(address: Address) -> AsyncIterator[WatchedConnection]:
    connection = await _dialled(address, None)
    try:
        yield connection
    finally:
        connection.terminate()
