"""The driver's connection behind a pooler in transaction mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from synkron.postgres.watch import WatchedConnection

Method = TypeVar("Method", bound=Callable[..., Any])

# Settings that the first release of PostgreSQL with Synkron's other needs does not have.
SINCE = {"transaction_timeout": 17}


def _in_a_transaction(method: Method) -> Method:
    """The driver's method, in a transaction of its own unless one is open."""

    @wraps(method)
    async def asking(self: ByTransaction, *arguments: object, **options: object) -> object:
        if self.is_in_transaction():
            return await method(self, *arguments, **options)
        async with self.transaction():
            return await method(self, *arguments, **options)

    return cast("Method", asking)


class ByTransaction(WatchedConnection):
    """A connection that may have another server in each transaction.

    Each statement is in a transaction, and each transaction begins with the settings that a session has elsewhere. They
    end with it, as do all locks and cursors. Nothing is prepared by name. ``session`` is never known.
    """

    keeps_session = False
    _settings = ""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - the driver's
        super().__init__(*arguments)
        driver = cast("Any", self)
        # It would switch JIT off for the session, and on again in another one, to read a type's description.
        driver._server_caps = driver._server_caps._replace(jit=False)  # noqa: SLF001

    def settle(self, settings: Mapping[str, str]) -> None:
        """Begin each transaction with those of the settings that the server knows."""
        version = self.get_server_version().major
        known = {name: value for name, value in settings.items() if version >= SINCE.get(name, 0)}
        self._settings = "".join(f" set local {name} = '{value}';" for name, value in known.items())

    async def execute(self, query: str, *arguments: object, timeout: float | None = None) -> str:  # noqa: ASYNC109
        """Execute the statements, in a transaction."""
        if not arguments and query.startswith("BEGIN"):
            # The driver's own. In the same message, the settings take no time.
            if "ISOLATION" not in query:
                query = query.replace("BEGIN", "BEGIN ISOLATION LEVEL READ COMMITTED", 1)
            return await super().execute(query + self._settings, timeout=timeout)
        if self.is_in_transaction():
            return await super().execute(query, *arguments, timeout=timeout)
        async with self.transaction():
            return await super().execute(query, *arguments, timeout=timeout)

    executemany = _in_a_transaction(WatchedConnection.executemany)
    fetch = _in_a_transaction(WatchedConnection.fetch)
    fetchmany = _in_a_transaction(WatchedConnection.fetchmany)
    fetchrow = _in_a_transaction(WatchedConnection.fetchrow)
    fetchval = _in_a_transaction(WatchedConnection.fetchval)
