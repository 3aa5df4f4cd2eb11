"""What a failed statement says, by the class of its SQLSTATE: of the server, of the statement, or of what was asked."""

from __future__ import annotations

from asyncpg import InterfaceError, PostgresError

from synkron.errors import SynkronError

CONNECTION, OPERATOR, RESOURCES, TRANSACTION, TOO_MANY_CONNECTIONS = "08", "57", "53", "25", "53300"
STATEMENT, VALUE, CONSTRAINT = "42", "22", "23"


def is_passing(error: Exception) -> bool:
    """Whether the error is about the server or the connection, not about the request: it passes by itself."""
    if isinstance(error, PostgresError):
        return _is(error, CONNECTION, OPERATOR, TOO_MANY_CONNECTIONS)
    return isinstance(error, (InterfaceError, OSError))


def is_of_one_question(error: Exception) -> bool:
    """Whether the error may be caused by one of many questions."""
    if isinstance(error, PostgresError):
        return not _is(error, CONNECTION, OPERATOR, RESOURCES, TRANSACTION, STATEMENT)
    return not isinstance(error, (InterfaceError, OSError, SynkronError))


def is_for_ever(error: Exception) -> bool:
    """Whether the database will never accept it: invalid data, or a constraint."""
    return isinstance(error, PostgresError) and _is(error, VALUE, CONSTRAINT)


def _is(error: PostgresError, *beginnings: str) -> bool:
    return (error.sqlstate or "").startswith(beginnings)
