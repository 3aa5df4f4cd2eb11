"""Who has a secret."""

from __future__ import annotations

from synkron.operations.access.actor import Actor
from synkron.operations.access.sessions import actors_of
from tests.conftest import Connection


async def actor_of(connection: Connection, secret: str) -> Actor | None:
    """Who has this secret of a session; None if it does not hold."""
    return (await actors_of(connection, [secret])).get(secret)
