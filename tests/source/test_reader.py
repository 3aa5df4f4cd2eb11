"""The reader with a stub connection: which rows are due, and what a faulty one costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from synkron import DueIntegration, read_due_integrations
from synkron.cron.expression import MAX_LENGTH
from synkron.errors import NaiveDatetimeError
from synkron.postgres.statements import source_statements
from synkron.settings.load import SourceTables
from synkron.source import due
from synkron.source.parsed_texts import ParsedTexts

SQL = source_statements("source/reader", SourceTables())
TWO = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with an empty memo, as a new process does."""
    known = ParsedTexts()
    monkeypatch.setattr(due, "KNOWN", known)
    monkeypatch.setattr("synkron.source.reader.KNOWN", known)


class Record(dict[str, object]):
    """A row as the driver answers it: it iterates over its values."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


class StubConnection:
    """Answers the due read with the given rows, whatever it asks, and what there is to learn with nothing."""

    def __init__(self, *rows: dict[str, object]) -> None:
        self._rows = [Record(row) for row in rows]
        self.fetched: list[str] = []

    async def fetch(self, statement: str, *_: object) -> list[Record]:
        if statement == SQL["learn"]:
            return []
        self.fetched.append(statement)
        return self._rows

    async def fetchval(self, statement: str) -> None:
        assert "row_security_active" in statement

    @asynccontextmanager
    async def transaction(self, *, readonly: bool) -> AsyncIterator[None]:
        assert readonly
        yield


def row(schedule: str | None, number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "integration_id": f"i{number}",
        "org_id": f"o{number}",
        "integration_type": "xledger",
        "is_enabled": True,
        "cron_schedule": schedule,
        "organization_exists": True,
        "timezone": None,
        "zone_is_number": False,
        "updated_at": None,
        "oddity": None,
        "doubled": None,
    } | changes


async def read(at: datetime, *rows: dict[str, object]) -> list[DueIntegration]:
    connection: Any = StubConnection(*rows)
    return await read_due_integrations(at, connection)


# requirement R14
async def test_fires_at_its_minute_and_not_a_minute_later() -> None:
    assert await read(TWO, row("0 2 * * *")) == [DueIntegration("o1", "i1", "xledger", TWO)]
    assert await read(TWO + MINUTE, row("0 2 * * *")) == []


# requirement R4
@pytest.mark.parametrize(
    ("seconds", "due"), [(-30.000001, False), (-30, True), (0, True), (17, True), (30, True), (30.000001, False)]
)
async def test_the_window_is_half_a_minute_on_each_side(seconds: float, due: bool) -> None:
    found = await read(TWO + timedelta(seconds=seconds), row("0 2 * * *"))
    assert [one.scheduled_for for one in found] == ([TWO] if due else [])


# requirement R4
async def test_between_two_minutes_both_fire() -> None:
    found = await read(TWO + timedelta(seconds=30), row("* * * * *"))
    assert [one.scheduled_for for one in found] == [TWO, TWO + MINUTE]


# requirement R3, R14
@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        pytest.param(row("99 * * * *", 2), "minute", id="minute 99"),
        pytest.param(row("0 2 * * * *", 2), "cron_schedule", id="six fields"),
        pytest.param(row("", 2), "cron_schedule", id="empty"),
        pytest.param(row("(a+)+$ * * * *", 2), "cron_schedule", id="regular expression"),
        pytest.param(row("0 2 * * *", 2, timezone="Europe/Olso"), "Europe/Olso", id="unknown zone"),
        pytest.param(row("0 2 * * *", 2, integration_type="fiken"), "types.fiken", id="unknown type"),
        pytest.param(row("0 2 * * *", 2, organization_exists=False), "no organization o2", id="no organization"),
    ],
)
async def test_a_faulty_row_costs_itself_a_warning_and_nobody_else_anything(
    faulty: dict[str, object], says: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        found = await read(TWO, row("0 2 * * *", 1), faulty, row("0 2 * * *", 3))
    assert [one.integration_id for one in found] == ["i1", "i3"]
    (warning,) = logs
    assert (warning["log_level"], warning["org_id"], warning["integration_id"]) == ("warning", "o2", "i2")
    assert says in warning["reason"]


async def test_an_unknown_type_is_told_of_when_its_row_is_due_and_a_missing_organization_at_once() -> None:
    unknown, orphan = row("0 2 * * *", 1, integration_type="fiken"), row("0 2 * * *", 2, organization_exists=False)
    with structlog.testing.capture_logs() as logs:
        assert await read(TWO + MINUTE, unknown, orphan) == []
    assert [line["integration_id"] for line in logs] == ["i2"]


@pytest.mark.parametrize("text", ["0 2 * * *", "x"])
def test_a_text_longer_than_an_expression_may_be_is_not_remembered(text: str) -> None:
    known = ParsedTexts()
    longest, longer = text.ljust(MAX_LENGTH), text.ljust(MAX_LENGTH + 1)
    for one in (longest, longer):
        known.expression(one)
    assert known.expressions() == ["", longest]


# requirement R1, R14
@pytest.mark.parametrize("left_out", [row("0 2 * * *", is_enabled=False), row(None)])
async def test_disabled_and_unscheduled_rows_never_fire(left_out: dict[str, object]) -> None:
    with structlog.testing.capture_logs() as logs:
        assert await read(TWO, left_out) == []
    assert logs == []


# requirement R7, R14
async def test_a_month_without_a_31st_is_skipped() -> None:
    """TWO is on 30 November."""
    assert await read(TWO, row("0 2 31 * *")) == []
    december = datetime(2026, 12, 31, 2, 0, tzinfo=UTC)
    assert len(await read(december, row("0 2 31 * *"))) == 1


# requirement R14
async def test_overlapping_schedules_of_several_organizations() -> None:
    found = await read(
        TWO,
        row("0 2 * * *", 1),
        row("*/15 * * * *", 2, integration_type="dynamics"),
        row("0 2 * * 1", 3, integration_type="bufdir"),
        row("0 2 * * 2", 4),
        row("30 2 * * *", 5),
        row("0 3 * * *", 6, timezone="Europe/Oslo"),
    )
    assert [(one.integration_id, one.integration_type) for one in found] == [
        ("i1", "xledger"),
        ("i2", "dynamics"),
        ("i3", "bufdir"),
        ("i6", "xledger"),
    ]


# requirement R8
async def test_nothing_due_is_an_empty_list() -> None:
    assert await read(TWO) == []


# requirement R13
async def test_one_statement_with_one_join() -> None:
    connection: Any = StubConnection(*(row("0 2 * * *", number) for number in range(500)))
    assert len(await read_due_integrations(TWO, connection)) == 500
    (statement,) = connection.fetched
    assert statement.lower().count(" join ") == 1


async def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(NaiveDatetimeError, match="has no zone"):
        await read(TWO.replace(tzinfo=None))
