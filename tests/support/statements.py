"""What a test without an event loop asks of its database: over one connection, until ``close``.

To open a connection takes longer than most of what is asked, and so does the first statement on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import asyncpg

Answer = TypeVar("Answer")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_runners: list[asyncio.Runner] = []
_connections: dict[str, Connection] = {}


def execute(url: str, *statements: str) -> None:
    """Runs SQL. A setting that a statement makes ends with the last one."""

    async def run(connection: Connection) -> None:
        for statement in statements:
            await connection.execute(statement)

    ask(url, run)


def fetch(url: str, query: str, *values: object) -> list[Any]:
    """The rows that a statement answers."""
    return list(ask(url, lambda connection: connection.fetch(query, *values)))


def ask(url: str, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """The answer to what is asked over the connection."""

    async def asked() -> Answer:
        if url not in _connections:
            _connections[url] = await asyncpg.connect(url)
        connection = _connections[url]
        try:
            return await question(connection)
        finally:
            await connection.execute("reset all")

    if not _runners:
        _runners.append(asyncio.Runner())
    return _runners[0].run(asked())


def close() -> None:
    """Close what ``ask`` has opened."""
    for runner in _runners:
        with runner:
            for connection in _connections.values():
                runner.run(connection.close())
    _runners.clear()
    _connections.clear()
