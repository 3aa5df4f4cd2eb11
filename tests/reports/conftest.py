"""Tests of this room share a database, or no more than a connection."""

from tests.support.emptied import connection, database, kept, pool
from tests.support.rolled_back import kept_connection, own_connection, rolled_back

__all__ = [
    "connection",
    "database",
    "kept",
    "kept_connection",
    "own_connection",
    "pool",
    "rolled_back",
]
