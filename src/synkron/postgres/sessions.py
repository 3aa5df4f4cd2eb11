"""The settings of Synkron's own sessions with PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from synkron.postgres.statements import statements
from synkron.postgres.watch import Session, WatchedConnection

if TYPE_CHECKING:
    from synkron.postgres.by_transaction import ByTransaction

SQL = statements("postgres/sessions")
# For every session; they override the role's defaults. They are set by a statement, because PgBouncer refuses a
# connection with a start-up parameter that it does not know. Behind a transaction pooler they would stay on a server
# process that others use: there, they are set in each transaction, for as long as it lasts.
SESSION = {
    "jit": "off",  # compiling a statement would take longer than running it
    # A role's limits are meant for statements that hang. `silence` notices those, and a long statement may be right:
    # the tick that ends an outage, a session that listens.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    # A stopped process must not hold the watermark's lock for ever. A tick sends nothing while it decides the moments
    # that an outage missed: half a minute for 50,000 integrations of a paced type, 66 hours, all caught up, busy core.
    "idle_in_transaction_session_timeout": "10min",
}
# Of the connection between the server and its client, which is the pooler if there is one.
OF_THE_NETWORK = {
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}
# For a worker's statements. A plan made while a table is small or new may be used when it is large. Each statement must
# see everything that was committed before it.
BY_KEY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "default_transaction_isolation": "read committed",
}


async def settle(connection: WatchedConnection, settings: Mapping[str, str], within: float) -> None:
    """Apply those of the settings that the server knows, and read the session's identity if it is the client's own."""
    if not connection.keeps_session:
        # Not `isinstance`: the driver makes that true for each of its connections.
        cast("ByTransaction", connection).settle(settings)
        return
    wanted = {**settings, **OF_THE_NETWORK}
    row = await connection.fetchrow(SQL["settle"], list(wanted), list(wanted.values()), timeout=within)
    connection.session = None if row is None else Session(row["pid"], row["backend_start"])
