"""What an answer of the Data API means that is not a success, as an error with a remedy. Pure.

The codes are PostgreSQL's and PostgREST's (https://docs.postgrest.org/en/stable/references/errors.html).
"""

from __future__ import annotations

from dataclasses import dataclass

from synkron.errors import DataApiError, DatabaseNotReady, ServiceRoleRequired, SourceTableMissing, SynkronError
from synkron.settings.sections import SourceTables
from synkron.source.data_api.pages import Hide, capitalized
from synkron.text import one_line

LONGEST = 300
NO_PRIVILEGE = "42501"
NO_RELATIONSHIP, SEVERAL_RELATIONSHIPS, NO_SCHEMA = "PGRST200", "PGRST201", "PGRST106"
# PostgreSQL's, then what PostgREST says of a table that is not in its schema cache.
MISSING = ("42P01", "42703", "3F000", "PGRST205", "PGRST204")
NOT_OF_THE_TYPE = ("42883", "42804")
# A malformed or expired token, a role that may not be taken on.
TOKEN = ("PGRST300", "PGRST301", "PGRST302", "PGRST303")
UNAUTHORIZED, TOO_MANY, UNAVAILABLE = 401, 429, 503
# PostgREST has no connection to the database, or none of its schema yet; PostgreSQL's classes of the same kind.
AWAY = ("PGRST000", "PGRST001", "PGRST002", "08", "53")
# PostgreSQL's classes of a fault of the server.
SERVER_FAULT = ("57", "58", "XX")
# What the gateway in front of PostgREST says, without a code, of a key that it does not know.
UNKNOWN_KEY = "api key"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer's status, if it is known, and what its body says: code, message, hint."""

    status: int | None
    code: str = ""
    message: str = ""
    hint: str = ""

    def without_secrets(self, hide: Hide) -> Refusal:
        """The same without the key, which a server may repeat."""
        return Refusal(self.status, *(hide(text) for text in (self.code, self.message, self.hint)))

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.status == UNAVAILABLE or self.code.startswith(AWAY)

    @property
    def is_of_the_key(self) -> bool:
        """Whether the key is not known, or no longer."""
        is_unknown = not self.code and UNKNOWN_KEY in self.message.lower()
        return self.status == UNAUTHORIZED or self.code in TOKEN or is_unknown

    @property
    def said(self) -> str:
        """What the server says, in one printable line."""
        parts = (f"HTTP {self.status}" if self.status else "", self.code, self.message, self.hint)
        return one_line(": ".join(part.rstrip(". ") for part in parts if part), LONGEST)


def refusal_in(status: int, body: object) -> Refusal:
    """The refusal in the JSON of an answer, or in the status alone."""
    found = body if isinstance(body, dict) else {}
    return Refusal(status, *(str(found.get(key) or "") for key in ("code", "message", "hint")))


def error_of(refusal: Refusal, place: str, tables: SourceTables) -> SynkronError:
    """The error to raise."""
    schema, rows, owners = tables.schema_name, tables.integrations, tables.organizations
    said = f"{capitalized(place)} refused: {refusal.said}."
    code, status = refusal.code, refusal.status
    if code == NO_PRIVILEGE:
        return ServiceRoleRequired(
            f"{said} Grant what is missing, in SQL: `grant usage on schema {schema} to service_role; "
            f"grant select on {schema}.{owners.table}, {schema}.{rows.table} to service_role`. "
            "Row security aside, every role needs its grants."
        )
    if refusal.is_of_the_key:
        return ServiceRoleRequired(
            f"{said} The key is not one of this project, or it was revoked or has expired. Give the secret key that "
            "the project's settings show under API Keys."
        )
    if code in (NO_RELATIONSHIP, SEVERAL_RELATIONSHIPS):
        return SourceTableMissing(
            f"{said} Synkron reads both tables in one request, which needs exactly one foreign key from "
            f"{schema}.{rows.table}.{rows.org_id} to {schema}.{owners.table}.{owners.id}. Create it (`not valid` if "
            "some rows have no organization), then run `notify pgrst, 'reload schema'`."
        )
    if code == NO_SCHEMA:
        return SourceTableMissing(
            f"{said} Add {schema} to the exposed schemas, in the project's settings under Data API."
        )
    if code in MISSING or code in NOT_OF_THE_TYPE or status == 404:
        return SourceTableMissing(
            f"{said} Synkron reads {schema}.{rows.table} and {schema}.{owners.table}, where {rows.is_enabled} is "
            "boolean; name yours in synkron.toml under [source], or pass them as `tables`."
        )
    if (status is not None and (status == TOO_MANY or status >= 500)) or code.startswith(SERVER_FAULT):
        return DatabaseNotReady(f"{said} Nothing was read.")
    if status is not None and 300 <= status < 400:
        return DataApiError(f"{said} Redirects are not followed, because they could send the key to another host.")
    return DataApiError(f"{said} Nothing was read.")
