"""The exceptions of Synkron, as one tree.

    SynkronError
    ├── CronError (also ValueError)      a cron expression is malformed
    ├── ZoneError (also ValueError)      a time zone is unknown
    ├── NaiveDatetimeError (also ValueError)  a datetime has no zone
    ├── CursorError (also ValueError)    a text is no cursor of a page in this order
    ├── SettingsError                    synkron.toml or the environment is invalid; lists every error
    ├── Ambiguous                        a text names several things; lists them
    ├── DatabaseError                    the database cannot serve
    │   ├── DatabaseUnreachable          wrong URL, no server, wrong password
    │   │   └── DatabaseNotReady         it is starting, stopping, full, or dropped the connection
    │   ├── SourceTableMissing           a table or column of the application does not exist
    │   ├── DataApiError                 a Data API's answer is incomplete, or not what was asked for
    │   ├── LedgerMissing                Synkron's own schema is absent or older than this release
    │   └── EmbeddedDatabaseError        the embedded PostgreSQL cannot start
    └── Refused                          Synkron will not do this
        ├── NotAtHome                    the ledger is a copy, or was restored: it starts no runs
        ├── NotFound                     nothing has that number, id or name
        └── ServiceRoleRequired          the role would see too few rows, or lacks a grant

Each message says what is wrong, where, what is allowed, and what to do. Where that is to give an option or a command,
the error has an ``Advice`` instead: commands, the API and pages each have words for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto


class Advice(StrEnum):
    """What to do about an error, where a command, a client of the API and a person at a page do it differently."""

    LIST_INTEGRATIONS = auto()
    LIST_RUNS = auto()
    LIST_PAUSES = auto()
    LIST_SILENCES = auto()
    LIST_INCIDENTS = auto()
    LIST_OVERRIDES = auto()
    LIST_TOKENS = auto()
    LIST_PEOPLE = auto()
    LIST_NODES = auto()
    LIST_FAULTS = auto()
    SEE_HEALTH = auto()
    SEE_UPCOMING = auto()
    NAME_TYPE = auto()
    NAME_ORGANIZATION = auto()
    NAME_FORMER_ORGANIZATION = auto()
    NAME_INTEGRATION = auto()
    NAME_COPY = auto()
    LEAVE_NAME_OUT = auto()
    CHANGE_PERSON = auto()
    REVOKE_FIRST = auto()
    RESUME_FIRST = auto()
    PAUSE_ANEW = auto()
    END_LATER = auto()
    EXPIRE_LATER = auto()
    BEGIN_LATER = auto()
    END_BY = auto()
    FEWER_RUNS = auto()


class SynkronError(Exception):
    """Anything that Synkron reports as a sentence instead of a traceback. ``values`` are what its advice names."""

    def __init__(self, message: str = "", advice: Advice | None = None, **values: object) -> None:
        super().__init__(message)
        self.advice = advice
        self.values = values

    def said(self, words: Mapping[Advice, str]) -> str:
        """The sentence, and the advice in these words."""
        return str(self) if self.advice is None else f"{self} {words[self.advice].format_map(self.values)}"


# requirement R3
class CronError(SynkronError, ValueError):
    """A malformed cron expression.

    ``field`` is the field's name, or None if the text as a whole is malformed; ``text`` is the malformed part
    (cut to 40 characters); ``column`` is its 1-based position in the expression.
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


class CursorError(SynkronError, ValueError):
    """A text is not the cursor of a page in the order that is asked for."""


class SettingsError(SynkronError):
    """Invalid settings. ``faults`` contains one sentence for each error.

    ``rest`` are the settings without the invalid keys, so that they can be checked further; None if that is impossible.
    """

    def __init__(self, faults: list[str], rest: object = None) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
        self.rest = rest


class Ambiguous(SynkronError):
    """What was given names several things, and nothing is guessed. ``lines`` lists them."""

    def __init__(self, message: str, lines: list[str], advice: Advice | None = None) -> None:
        super().__init__(message, advice)
        self.lines = lines


class DatabaseError(SynkronError):
    """The database cannot serve the request."""


class DatabaseUnreachable(DatabaseError):
    """No connection: wrong URL, no server, wrong password."""


class DatabaseNotReady(DatabaseUnreachable):
    """No connection for now: the server is starting or stopping, accepts no more connections, or dropped this one."""


class SourceTableMissing(DatabaseError):
    """A table or column of the application is missing, or its type does not fit."""


class DataApiError(DatabaseError):
    """An answer of a Data API is incomplete, contradicts itself, or is not what was asked for. None of it is used."""


class LedgerMissing(DatabaseError):
    """The schema ``synkron`` is absent or older than this release."""


class EmbeddedDatabaseError(DatabaseError):
    """The embedded PostgreSQL cannot start or stop."""


class Refused(SynkronError):
    """Synkron will not do this; the message says why and what to do instead."""


class NotAtHome(Refused):
    """The ledger is on another server than before, and nobody has said whether it is a copy or the original."""


class NotFound(Refused):
    """Nothing has the number, id or name that was given."""


class ServiceRoleRequired(Refused):
    """Row security would hide rows from the role, or the role lacks a grant (G8, R11)."""
