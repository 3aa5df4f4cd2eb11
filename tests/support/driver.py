"""What the driver asks of PostgreSQL about its own types, asked once in a process instead of by each connection."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import asyncpg

FIRST_OWN_OID = 16384  # PostgreSQL's types have lower ones, which are the same in every database and version


def remember_types() -> None:
    """To describe an array, say, takes 10 ms of the server's time, and a test has several connections of its own."""
    driver: Any = asyncpg.Connection
    ask = driver._introspect_types
    described: dict[frozenset[int], Any] = {}

    async def introspect(connection: Any, type_oids: Collection[int], limit: float | None) -> Any:
        if max(type_oids) >= FIRST_OWN_OID:
            return await ask(connection, type_oids, limit)
        asked = frozenset(type_oids)
        if asked not in described:
            described[asked], _ = await ask(connection, type_oids, limit)
        # The statement's name says whether one was sent in place of that which is being prepared.
        return described[asked], SimpleNamespace(name="none was sent")

    driver._introspect_types = introspect
