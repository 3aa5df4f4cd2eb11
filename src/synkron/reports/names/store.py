"""Finds what a person names: the texts of a command become a scope of ids that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from asyncpg import Record

from synkron.errors import Ambiguous, LedgerMissing, NotFound, Refused, ServiceRoleRequired, SourceTableMissing
from synkron.model import Scope
from synkron.postgres.connection import Connection
from synkron.postgres.rows import read
from synkron.reports.names.match import SHORTEST_PREFIX, AskedScope, Candidate, forms, is_prefix, matches, nearest
from synkron.settings.load import Settings
from synkron.settings.quick import type_names
from synkron.source.queries import SourceQueries

FILE = "reports/names/store"
# Of what a text fits, so many are listed.
MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Resolved:
    """The scope that was meant; ``around`` it are the organization and the type of its integration, if known.

    ``notes`` say what each text stands for, where it is no id.
    """

    scope: Scope
    around: Scope
    notes: Sequence[str]


async def resolve(
    connection: Connection, settings: Settings, asked: AskedScope, *, types_of_copy: bool = False
) -> Resolved:
    """The scope that is asked for. It is read outside a transaction.

    An id wins over a name that reads the same, and for an id nothing else is read. What is only in Synkron's own
    tables, because its row is gone, is found by its whole id. With ``types_of_copy``, no table is read from end to end
    for a type: those of the rows are as the overview's copy has them, and one that only skipped runs have is unknown.

    Raises NotFound if nothing is named so; Ambiguous if several are; ServiceRoleRequired and SourceTableMissing if it
    is not on record and the tables can't be read.
    """
    search = _Search(connection, settings, SourceQueries(settings.source), types_of_copy)
    org_id = None if asked.org is None else await search.organization(asked.org)
    kind = None if asked.integration_type is None else await search.type(asked.integration_type)
    one = None if asked.integration is None else await search.integration(asked.integration)
    return _resolved(Scope(org_id, kind), one, search.notes)


async def resolve_within(connection: Connection, settings: Settings, org_id: str, asked: AskedScope) -> Resolved:
    """The same within an organization, by whole names of types and ids of integrations: of no other is anything told.

    An integration is its own by its row, or by a run or a change, if its row is gone or has moved.
    """
    search = _Search(connection, settings, SourceQueries(settings.source))
    if asked.integration_type is not None:
        await search.type_of(org_id, asked.integration_type)
    one = None if asked.integration is None else await search.integration_of(org_id, asked.integration)
    return _resolved(Scope(org_id, asked.integration_type), one, [])


def _resolved(named: Scope, one: NamedIntegration | None, notes: Sequence[str]) -> Resolved:
    """The integration in what is named beside it. Raises NotFound if it is not there."""
    if one is None:
        return Resolved(named, named, notes)
    if named.org_id not in (None, one.org_id) or named.integration_type not in (None, one.integration_type):
        whose = f"is {one.integration_type} of {one.organization or one.org_id}" if one.org_id else "is gone"
        beside = "not of the organization or the type that is named beside it. Leave these out."
        raise NotFound(f"Integration {one.id} {whose}, and {beside}")
    return Resolved(named._replace(integration_id=one.id), Scope(one.org_id, one.integration_type, one.id), notes)


@dataclass(frozen=True, slots=True)
class NamedIntegration:
    """An integration with its organization. Of one that is gone, only what is on record is known."""

    id: str
    org_id: str | None
    integration_type: str | None
    organization: str

    @property
    def candidate(self) -> Candidate:
        """As it is named: by its organization and its type."""
        return Candidate(self.id, f"{self.organization or self.org_id} {self.integration_type}")


async def read_types(connection: Connection, settings: Settings) -> list[str]:
    """The types of the rows."""
    source = SourceQueries(settings.source)
    async with source.reading(connection):
        return [row["id"] for row in await connection.fetch(source.sql(FILE)["types"])]


async def read_types_of_copy(connection: Connection, settings: Settings) -> set[str]:
    """The same, as the overview's copy has them: no table is read from end to end."""
    source = SourceQueries(settings.source)
    async with source.in_words():
        return {row["id"] for row in await connection.fetch(source.sql(FILE)["types_of_copy"])}


@dataclass(slots=True)
class _Search:
    """A search for what one command names. ``unreadable`` is why the application's tables can't be read.

    ``organizations`` are all, once they are read.
    """

    connection: Connection
    settings: Settings
    source: SourceQueries
    types_of_copy: bool = False
    notes: list[str] = field(default_factory=list)
    organizations: list[Candidate] = field(default_factory=list)
    unreadable: Refused | SourceTableMissing | None = None

    async def organization(self, text: str) -> str:
        """The id of the organization."""
        found = await self._organizations(text)
        near = "" if found else ", ".join(one.name for one in nearest(text, self.organizations))
        advice = f"The nearest: {near}." if near else "Give its name, a part of it, or its id."
        table = f"{self.settings.source.schema_name}.{self.settings.source.organizations.table}"
        return self._only("organization", text, found, f'There is no organization "{text}" in {table}. {advice}').id

    async def type(self, text: str) -> str:
        """The name of the type."""
        names = type_names(self.settings)
        if text in names:
            return text
        rows = await self._types()
        if text not in rows and (gone := await self._on_record("type", text)):
            return str(gone["id"])
        known = [Candidate(name, name) for name in sorted({*names, *rows})]
        found = matches(text, known)
        if not found and not self.types_of_copy and (gone := await self._on_record("type_of_runs", text)):
            return str(gone["id"])
        listed = ", ".join(one.name for one in known)
        return self._only("type", text, found, f'There is no integration type "{text}". Known are {listed}.').id

    async def type_of(self, org_id: str, text: str) -> None:
        """Raise NotFound unless it is a type of the settings or of the organization's rows; no other is named."""
        if text not in type_names(self.settings) and not await self._rows(FILE, "integrations_of", org_id, text, 1):
            raise self.unreadable or NotFound(f'There is no integration type "{text}".')

    async def _types(self) -> set[str]:
        """The types of the rows."""
        if not self.types_of_copy:
            return {row["id"] for row in await self._rows(FILE, "types")}
        return await read_types_of_copy(self.connection, self.settings)

    async def integration(self, text: str) -> NamedIntegration:
        """The integration, or what is on record of one that is gone."""
        rows, why = await self._with_id(text), ""
        if not rows and (gone := await self._on_record("integration", text, None)):
            return read(NamedIntegration, gone)
        if not rows and is_prefix(text):
            rows = await self._rows(FILE, "integrations_that_begin", text, MOST_LISTED + 1)
            rows = [row for row in rows if not row["id"].isdecimal()]
        if not rows and not text.isdecimal():
            said = len(self.notes)
            rows, why = await self._called(text)
            del self.notes[said:]
        found = {row["id"]: read(NamedIntegration, row) for row in rows}
        missing = (
            f'There is no integration "{text}".{why} Name it by its id, by the first {SHORTEST_PREFIX} characters of '
            'that or more, or by its organization and type, such as "Fjord xledger".'
        )
        return found[self._only("integration", text, [one.candidate for one in found.values()], missing).id]

    async def integration_of(self, org_id: str, text: str) -> NamedIntegration:
        """The integration with this id that is or was the organization's."""
        if own := [row for row in await self._with_id(text) if row["org_id"] == org_id]:
            return read(NamedIntegration, own[0])
        if gone := await self._on_record("integration", text, org_id):
            return read(NamedIntegration, gone)
        raise self.unreadable or NotFound(f'There is no integration "{text}".')

    async def _called(self, text: str) -> tuple[list[Record], str]:
        """The integrations of the organization, or of the organization and the type, in the text; or why none."""
        if whole := await self._organizations(text):
            org_id = self._only("organization", text, whole).id
            if rows := await self._rows(FILE, "integrations_of", org_id, None, MOST_LISTED + 1):
                return rows, ""
        name, _, kind = text.rpartition(" ")
        if not name or not kind:
            return [], ""
        try:
            whose = (await self.organization(name), await self.type(kind))
        except NotFound as error:
            return [], f" {error}"
        return await self._rows(FILE, "integrations_of", *whose, MOST_LISTED + 1), ""

    async def _organizations(self, text: str) -> list[Candidate]:
        """Those that the text names. All are read if it is no id, and only once."""
        rows = await self._rows("source/reader", "names", forms(text))
        if not rows and (gone := await self._on_record("organization", text)):
            return [Candidate(gone["id"], gone["id"])]
        if not rows and not self.organizations:
            every = await self._rows("source/reader", "names", None)
            self.organizations.extend(Candidate(row["org_id"], row["name"]) for row in every)
        return matches(text, [Candidate(row["org_id"], row["name"]) for row in rows] or self.organizations)

    async def _with_id(self, text: str) -> list[Record]:
        """The rows of the integration with this id."""
        try:
            rows = await self._read(FILE, "integrations_with_id", forms(text))
        except (LedgerMissing, Refused, SourceTableMissing):
            # What makes an id of a text is a function of Synkron's own, which may be missing or out of reach.
            rows = await self._rows(FILE, "integrations_that_begin", text, MOST_LISTED + 1)
        return [row for row in rows if row["id"].casefold() == text.casefold()]

    async def _rows(self, file: str, name: str, *arguments: object) -> list[Record]:
        """What a statement reads of the application's tables; nothing if they can't be read."""
        if self.unreadable is not None:
            return []
        try:
            return await self._read(file, name, *arguments)
        except (Refused, SourceTableMissing) as error:
            self.unreadable = error
            return []

    async def _read(self, file: str, name: str, *arguments: object) -> list[Record]:
        async with self.source.reading(self.connection):
            return await self.connection.fetch(self.source.sql(file)[name], *arguments)

    async def _on_record(self, kind: str, text: str, *more: object) -> Record | None:
        """What Synkron's own tables know under this id."""
        try:
            async with self.source.in_words():
                return await self.connection.fetchrow(self.source.sql(FILE)[f"{kind}_on_record"], forms(text), *more)
        except (LedgerMissing, ServiceRoleRequired):
            return None

    def _only(self, kind: str, text: str, found: Sequence[Candidate], missing: str = "") -> Candidate:
        """The one that was found. Notes what it is if the text is not its id."""
        if not found:
            raise self.unreadable or NotFound(missing)
        if len(found) > 1:
            listed = [f"{one.id}  {one.name}" for one in found[:MOST_LISTED]]
            more = ["and more"] if len(found) > MOST_LISTED else []
            raise Ambiguous(f'"{text}" fits several {kind}s. Give its id, or more of its name:', [*listed, *more])
        [one] = found
        if one.id != text:
            self.notes.append(f'{kind} "{text}": {one.name}' + (f" ({one.id})" if one.id != one.name else ""))
        return one
