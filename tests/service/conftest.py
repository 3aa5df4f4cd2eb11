"""Tests of this room share a database."""

from tests.support.emptied import connection, database, kept, pool

__all__ = ["connection", "database", "kept", "pool"]
