"""What Synkron's own sessions with PostgreSQL are set to."""

from __future__ import annotations

from synkron.postgres.statements import statements
from synkron.postgres.watch import Session, WatchedConnection

SQL = statements("postgres/sessions")
# For every session, whatever the role's defaults are. By a statement and not as start-up parameters, as PgBouncer
# refuses the connection for one that it does not know. Behind a transaction pooler they would stay with a server's
# process that others use; what is costly there is done in transactions that `reader.secure` sets the same for.
SESSION = {
    "jit": "off",  # compiling a statement takes longer than any of them should
    # The role's limits are for what hangs. Here that is noticed (`silence`), and what takes long may be right: the tick
    # that ends an outage, a session that listens.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    # A process that was stopped is not to hold the watermark's lock for ever. A tick asks nothing while it decides what
    # an outage missed: half a minute for 50,000 integrations of a paced type, 66 hours, all caught up, on a busy core.
    "idle_in_transaction_session_timeout": "10min",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}
# For one connection at a time: a role that row security would filter gets an error instead of a short answer (G8).
OF_ONE = {"row_security": "off"}
# For a worker's statements. A table that is small or new now may be large when the plan made for it is used; each is to
# see what was committed before it.
BY_KEY = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "default_transaction_isolation": "read committed",
}


async def settle(connection: WatchedConnection, settings: dict[str, str], within: float) -> None:
    """Give the session its settings, of which the server may not know all, and learn what it is called there."""
    row = await connection.fetchrow(SQL["settle"], list(settings), list(settings.values()), timeout=within)
    connection.session = None if row is None else Session(row["pid"], row["backend_start"])
