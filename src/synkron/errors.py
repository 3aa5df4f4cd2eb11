"""What can go wrong, as one tree.

    SynkronError
    ├── CronError (also ValueError)      a cron expression is malformed
    ├── ZoneError (also ValueError)      a time zone is unknown
    ├── NaiveDatetimeError (also ValueError)  an instant came without a zone
    ├── SettingsError                    synkron.toml or the environment is faulty; lists every fault
    ├── DatabaseError                    the database cannot serve
    │   ├── DatabaseUnreachable          wrong URL, no server, wrong password
    │   │   └── DatabaseNotReady         it starts, stops, is full, or dropped the connection
    │   ├── SourceTableMissing           a table or column of the application is not there
    │   ├── LedgerMissing                Synkron's own schema is absent or older than this release
    │   └── EmbeddedDatabaseError        the embedded PostgreSQL cannot start
    └── Refused                          Synkron will not do this
        ├── NotAtHome                    the ledger is a copy, or was restored: nothing is fired from it
        ├── NotFound                     there is nothing of that number, id or name
        └── ServiceRoleRequired          the role would see too few rows, or lacks a grant

Each message says what is wrong, where, what is allowed, and what to do.
"""

from __future__ import annotations


class SynkronError(Exception):
    """Anything that Synkron reports in a sentence rather than in a traceback."""


# requirement R3
class CronError(SynkronError, ValueError):
    """A malformed cron expression.

    ``field`` is the field's name, or None when the text as a whole is at fault; ``text`` is the offending
    part (cut to 40 characters); ``column`` is its 1-based position in the expression.
    """

    def __init__(self, message: str, *, field: str | None, text: str, column: int) -> None:
        super().__init__(message)
        self.field = field
        self.text = text
        self.column = column


class ZoneError(SynkronError, ValueError):
    """A time zone that is neither an IANA name nor a fixed offset (rule C14)."""


class NaiveDatetimeError(SynkronError, ValueError):
    """A datetime without a zone, where an instant is needed."""


class SettingsError(SynkronError):
    """Faulty settings. ``faults`` holds one sentence for each fault.

    ``rest`` are the settings without what is at fault, where they are enough to look for further faults in them.
    """

    def __init__(self, faults: list[str], rest: object = None) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.rest = rest


class DatabaseError(SynkronError):
    """The database cannot serve what was asked."""


class DatabaseUnreachable(DatabaseError):
    """No connection: wrong URL, no server, wrong password."""


class DatabaseNotReady(DatabaseUnreachable):
    """No connection for now: the server starts, stops, takes no more of them, or dropped this one."""


class SourceTableMissing(DatabaseError):
    """A table or column of the application's own schedule configuration is missing, or of a type that does not fit."""


class LedgerMissing(DatabaseError):
    """The schema ``synkron`` is absent or older than this release."""


class EmbeddedDatabaseError(DatabaseError):
    """The embedded PostgreSQL cannot start or stop."""


class Refused(SynkronError):
    """Synkron will not do this; the message says why and what to do instead."""


class NotAtHome(Refused):
    """The ledger has woken up elsewhere than it was, and nobody has said whether it is a copy or the original."""


class NotFound(Refused):
    """There is nothing of the number, id or name that was given."""


class ServiceRoleRequired(Refused):
    """The role would be shown too few rows by row security, or lacks a grant (G8, R11)."""
