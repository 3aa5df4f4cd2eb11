"""Tests of this room that need no more than a connection share one."""

from tests.support.rolled_back import kept_connection, own_connection, pytest_itemcollected, rolled_back

__all__ = ["kept_connection", "own_connection", "pytest_itemcollected", "rolled_back"]
