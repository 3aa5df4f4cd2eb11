"""The statements of the .sql files, and what PostgreSQL plans for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Any
from uuid import UUID

from synkron.postgres.connection import Connection
from synkron.postgres.statements import source_statements, statements
from synkron.settings.load import SourceTables

MAY_SCAN = "-- Scans: "
# What PostgreSQL adds for a scan that a worker's settings forbid and that it has no other way than, before version 18.
DISABLED = 1e10
# What is asked by default, by the parameter's type: of something that is there, an hour ago.
ID = UUID(int=7)
VALUES: Mapping[str, Any] = {
    "text": str(ID),
    "timestamptz": timedelta(hours=1),
    "interval": timedelta(minutes=1),
    "int4": 100,
    "int8": 100,
    "bool": True,
    "uuid": ID,
    "float8": 0.5,
    "oid": 100,
    "jsonb": "[]",
    "bytea": bytes(32),
    "tsquery": "'fjord':*",
}


@dataclass(frozen=True)
class Statement:
    """A statement, named by its file and its name, and whether its comment says why it may scan."""

    name: str
    text: str
    may_scan: bool


@dataclass(frozen=True)
class Plan:
    """What a plan is estimated to cost, and the tables that it reads from end to end."""

    cost: float
    scanned: frozenset[str]


def statements_in(file: str) -> list[Statement]:
    """The statements of a file that have a plan."""
    text = files("synkron").joinpath(f"{file}.sql").read_text("utf-8")
    comments = dict(re.findall(r"^-- name: (\w+)\n((?:--.*\n)*)", text, flags=re.MULTILINE))
    is_of_source = re.search(r"\{[a-z_]+[.\[}]", "".join(statements(file).values()))
    found = source_statements(file, SourceTables()) if is_of_source else statements(file)
    return [
        Statement(f"{file}.{name}", statement, MAY_SCAN in comments[name])
        for name, statement in found.items()
        if re.match(r"(select|with|insert|update|delete)\b", statement)
    ]


async def plan_of(
    connection: Connection, statement: Statement, arguments: Sequence[Any] | None, *, is_generic: bool
) -> Plan:
    """The plan whatever the values, or the one for these; an interval in place of a moment is counted from now."""
    kinds = [one.name for one in (await connection.prepare(statement.text)).get_parameters()]
    if is_generic:
        await connection.execute(f"prepare walked as {statement.text}")
        nulls = f"({', '.join(['null'] * len(kinds))})" if kinds else ""
        explained = await connection.fetchval(f"explain (format json) execute walked{nulls}")
        await connection.execute("deallocate walked")
    else:
        now = await connection.fetchval("select now()")
        given = [VALUES[kind.removesuffix("[]")] for kind in kinds] if arguments is None else arguments
        values = [
            now - one if kind.startswith("timestamptz") and isinstance(one, timedelta) else one
            for kind, one in zip(kinds, given, strict=True)
        ]
        many = [
            [one] * 10 if kind.endswith("[]") and not isinstance(one, list) else one
            for kind, one in zip(kinds, values, strict=True)
        ]
        explained = await connection.fetchval(f"explain (format json) {statement.text}", *many)
    top = json.loads(explained)[0]["Plan"]
    return Plan(top["Total Cost"] % DISABLED, frozenset(_scanned(top, top["Total Cost"])))


def _scanned(node: Mapping[str, Any], least: float) -> Iterator[str]:
    """The tables that are read from end to end: where what stands above costs less, the scan is broken off."""
    cost = node["Total Cost"]
    if node["Node Type"] == "Seq Scan" and cost <= least:
        yield node["Relation Name"]
    for below in node.get("Plans", ()):
        yield from _scanned(below, min(least, cost))
