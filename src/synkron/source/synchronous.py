"""The reader for programs without an event loop: users of psycopg, SQLAlchemy and Django."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from synkron.cron.timeline import utc
from synkron.errors import DatabaseUnreachable
from synkron.model import DueIntegration
from synkron.postgres.connection import connected
from synkron.settings.integrations import BUILT_IN
from synkron.settings.sections import SourceTables
from synkron.source.schedule import read_due_integrations

# Of libpq's parameters, those that the driver understands too.
PASSED_ON = ("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "target_session_attrs")


# requirement R13
def read_due_integrations_sync(
    at: datetime,
    url_or_connection: object,
    *,
    tables: SourceTables | None = None,
    types: Collection[str] = frozenset(BUILT_IN),
) -> list[DueIntegration]:
    """The same as ``read_due_integrations``, for a program without an event loop.

    ``url_or_connection`` is a PostgreSQL URL, or an open connection of psycopg (3 or 2), SQLAlchemy (a ``Connection``)
    or Django (``django.db.connection``). Of a connection, only the address and the password are used: Synkron opens
    one of its own, as the user that the connection logged in as. So the read is in **another transaction**: it sees
    what is committed, not what the given connection has changed since, nor its ``SET ROLE``.

    Raises what ``read_due_integrations`` raises; DatabaseUnreachable; SettingsError for a malformed URL; TypeError for
    anything else, and for a call inside an event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise TypeError("read_due_integrations_sync was called in an event loop: await read_due_integrations there")
    utc(at)
    if isinstance(url_or_connection, str):
        url, named = url_or_connection, "the URL that was given"
    else:
        url, named = _address_of(url_or_connection), "the address of the connection that was given"

    async def read() -> list[DueIntegration]:
        async with connected(url, named=named) as connection:
            return await read_due_integrations(at, connection, tables=tables, types=types)

    return asyncio.run(read())


def _address_of(given: Any) -> str:  # noqa: ANN401 - of any of these libraries, none of which is needed
    """The URL of the server that the connection is open to."""
    try:
        if hasattr(given, "ensure_connection"):  # Django, which opens it when it is needed
            given.ensure_connection()
            given = given.connection
        elif hasattr(given, "exec_driver_sql"):  # SQLAlchemy
            given = given.connection.driver_connection
        info = getattr(given, "info", None)
        has_address = hasattr(info, "password")
    except Exception as error:  # each library has its own
        raise DatabaseUnreachable(f"The connection that was given can't be asked for its address: {error}") from error
    if not has_address:
        raise TypeError(
            "url_or_connection: expected a PostgreSQL URL, or an open connection of psycopg, Django, or SQLAlchemy on "
            f"psycopg; found {type(given).__module__}.{type(given).__name__}"
        )
    return _url(info)


def _url(info: Any) -> str:  # noqa: ANN401
    """The URL made of what libpq says of the connection."""
    # psycopg 3 gives the parameters by a method, psycopg 2 by an attribute.
    given = info.get_parameters() if hasattr(info, "get_parameters") else info.dsn_parameters
    user, password, database = (quote(text or "", safe="") for text in (info.user, info.password, info.dbname))
    further = {name: given[name] for name in PASSED_ON if given.get(name)}
    place = f"[{info.host}]:{info.port}" if ":" in info.host else f"{info.host}:{info.port}"
    if info.host.startswith("/"):  # the folder of a socket
        place, further = "", further | {"host": info.host, "port": str(info.port)}
    return f"postgresql://{user}:{password}@{place}/{database}?{urlencode(further)}"
