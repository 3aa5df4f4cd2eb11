"""Where other tools read an expression differently; those that can be asked here are asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from cronsim import CronSim, CronSimError

from synkron.cron import parse
from synkron.cron.elsewhere import Difference, differences

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=365)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0 2 * * *", []),
        ("* * * * *", []),
        ("0 2 13 * *", []),
        ("0 2 * * mon-fri", []),
        ("0 2 13 * FRI", [Difference.BOTH_DAYS]),
        ("0 2 1-31 * FRI", [Difference.BOTH_DAYS]),
        ("0 2 */2 * FRI", [Difference.STEP_OF_DAYS]),
        ("0 2 13 * */2", [Difference.STEP_OF_DAYS]),
        ("0 2 */2 * *", []),
        ("0 2 * * 5", [Difference.NUMBER_OF_WEEKDAY]),
        ("0 2 * * 0-7", []),
        ("0 2 * * */2", []),
        ("0 2 * * 1/2", [Difference.NUMBER_OF_WEEKDAY, Difference.STEP_OF_WEEKDAYS]),
        ("0 2 * * MON/2", [Difference.STEP_OF_WEEKDAYS]),
        ("0 2 * * FRI-SUN", [Difference.RANGE_TO_SUNDAY]),
        ("5-5 2 * * *", [Difference.RANGE_OF_ONE]),
        ("5-5/2 2 * * *", [Difference.STEP_OF_ONE]),
        ("0 2 31 2 *", [Difference.NEVER]),
    ],
)
def test_what_differs(text: str, found: list[Difference]) -> None:
    assert differences(text, parse(text)) == [*found, Difference.SIX_FIELDS]


@pytest.mark.parametrize(("text", "is_met"), [("30 2 * * *", True), ("*/30 2 * * *", False), ("0 4 * * *", True)])
def test_clocks_that_go_back_matter_for_fixed_times(text: str, is_met: bool) -> None:
    assert (Difference.CLOCKS_GO_BACK in differences(text, parse(text), clocks_change=True)) is is_met


def by_croniter(text: str) -> list[datetime]:
    steps, found = croniter(text, BEGIN - timedelta(minutes=1)), []
    while (at := steps.get_next(datetime)) < END:  # type: ignore[no-untyped-call]
        found.append(at)
    return found


def ours(text: str) -> list[datetime]:
    return [at for at in parse(text).occurrences(BEGIN - timedelta(minutes=1), END, UTC) if at < END]


@pytest.mark.parametrize("text", ["0 2 */2 * FRI", "0 2 13 * */2", "0 2 * * 1/2", "5-5 2 * * *", "5-5/2 2 * * *"])
def test_croniter_reads_these_otherwise(text: str) -> None:
    assert by_croniter(text) != ours(text)


@pytest.mark.parametrize("text", ["0 2 13 * FRI", "0 2 * * 5", "0 2 * * FRI-SUN"])
def test_and_these_as_we_do(text: str) -> None:
    assert by_croniter(text) == ours(text)


@pytest.mark.parametrize("text", ["0 2 * * FRI-SUN", "0 2 31 2 *"])
def test_cronsim_refuses_these(text: str) -> None:
    with pytest.raises(CronSimError):
        CronSim(text, BEGIN)


def test_cronsim_reads_a_step_of_one_value_on() -> None:
    steps = CronSim("5-5/2 2 * * *", BEGIN)
    assert [next(steps).minute for _ in range(3)] == [5, 7, 9]
