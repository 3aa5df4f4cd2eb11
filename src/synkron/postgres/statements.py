"""Named SQL statements, loaded from the .sql files beside the modules that send them.

A file contains statements, each after a line ``-- name: NAME``. Names of the application's tables and columns are in
braces (``{integrations.cron_schedule}``) and are filled in from the settings, quoted. So are the shared fragments of
``source/row.sql``: ``{row}``, ``{legible[o.name 200]}``, and of ``ledger/fragments.sql``: ``{paused[now()]}``. Values
are always parameters.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.settings.load import SourceTables

# The byte sequences that are UTF-8 (RFC 3629). Each byte is one character, as in a database in SQL_ASCII.
_TAIL = r"[\u0080-\u00bf]"
UTF_8 = (
    rf"^([\u0001-\u007f]|[\u00c2-\u00df]{_TAIL}"
    rf"|\u00e0[\u00a0-\u00bf]{_TAIL}|[\u00e1-\u00ec\u00ee\u00ef]{_TAIL}{_TAIL}|\u00ed[\u0080-\u009f]{_TAIL}"
    rf"|\u00f0[\u0090-\u00bf]{_TAIL}{_TAIL}|[\u00f1-\u00f3]{_TAIL}{_TAIL}{_TAIL}"
    rf"|\u00f4[\u0080-\u008f]{_TAIL}{_TAIL})*$"
)


@cache
def statements(file: str) -> dict[str, str]:
    """The statements of ``src/synkron/FILE.sql`` by name, without the comment that describes each."""
    return {name: _filled(text) for name, text in _read(file).items()}


@cache
def _read(file: str) -> dict[str, str]:
    text = files("synkron").joinpath(f"{file}.sql").read_text("utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n(?:--.*\n)*", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], (body.strip() for body in parts[1::2]), strict=True))


def _filled(text: str) -> str:
    fragments = _read("ledger/fragments")

    def fragment(found: re.Match[str]) -> str:
        return _filled(fragments[found[1]].replace("GIVEN", found[2]))

    return re.sub(rf"\{{({'|'.join(fragments)})\[(.+?)\]\}}", fragment, text)


@cache
def source_statements(file: str, source: SourceTables) -> dict[str, str]:
    """The statements of ``FILE.sql`` with the names of the application's tables filled in."""
    source = source.in_database
    zone = source.organizations.timezone
    names: dict[str, object] = {
        "organizations": _Names(source.schema_name, vars(source.organizations)),
        "integrations": _Names(source.schema_name, vars(source.integrations)),
        "organizations_id": source.organizations.id,
        "integrations_id": source.integrations.id,
        "schema": f'"{source.schema_name}"',
        "timezone_column": f', "{zone}" text' if zone else "",
        "zone": _PerAlias(zone, "text"),
        "updated_at": _PerAlias(source.integrations.updated_at, "timestamptz"),
        "utf8": f"'{UTF_8}'",
    }
    for name, text in statements("source/row").items():
        names[name] = _Fragment(text.format(**names))
    return {name: text.format(**names) for name, text in statements(file).items()}


def migrations() -> list[tuple[str, str]]:
    """The migrations as (name, text), in the order in which they are applied."""
    folder = files("synkron").joinpath("ledger/migrations")
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda one: one.name)
    return [(entry.name.removesuffix(".sql"), entry.read_text("utf-8")) for entry in found]


class _Names:
    """A table's quoted name, with its columns' quoted names as attributes."""

    def __init__(self, schema: str, names: dict[str, str]) -> None:
        self._table = f'"{schema}"."{names["table"]}"'
        self._columns = {key: f'"{name}"' for key, name in names.items() if key != "table"}

    def __str__(self) -> str:
        return self._table

    def __getattr__(self, column: str) -> str:
        return self._columns[column]


class _Fragment:
    """A part of a statement. The arguments in brackets, separated by a blank, replace the words in capitals."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self[""]

    def __getitem__(self, given: str) -> str:
        first, _, limit = given.partition(" ")
        return re.sub("VALUE|ALIAS|PREFIX", first, self._text).replace("LIMIT", limit)


class _PerAlias(dict[str, str]):
    """A column under a table's alias, or null if the column does not exist (its name is empty then)."""

    def __init__(self, column: str, data_type: str) -> None:
        super().__init__()
        self._column = column
        self._data_type = data_type

    def __missing__(self, alias: str) -> str:
        return f'{alias}."{self._column}"' if self._column else f"null::{self._data_type}"
