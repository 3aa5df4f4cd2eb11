"""Which types would start more evenly with a spread: by hand, and as the forecast itself would have it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from synkron.model import Window
from synkron.reports.forecast.advice import FEW, Advice, advice
from synkron.reports.forecast.fires import FireMinute, Fires
from synkron.reports.forecast.outlook import forecast
from synkron.settings.policy import Policy

FIVE = timedelta(minutes=5)
DAY = 24 * 60
NIGHT = [0] * 120 + [150] + [0] * (DAY - 121)


def advised(by_minute: list[int], policy: Policy) -> list[Advice]:
    return advice({"xledger": by_minute}, {"xledger": policy})


def test_a_herd_is_spread_until_a_fifth_is_left() -> None:
    assert advised(NIGHT, Policy()) == [Advice("xledger", 120, 150, 100, FIVE, 30)]


@pytest.mark.parametrize(
    ("by_minute", "policy"),
    [
        ([], Policy()),
        ([0] * DAY, Policy()),
        ([FEW - 1] + [0] * DAY, Policy()),
        (NIGHT, Policy(pace=10)),
        (NIGHT, Policy(spread=timedelta(hours=1))),
        ([40] * DAY, Policy(spread=timedelta(minutes=30))),
    ],
    ids=["no time", "nothing", "few", "paced", "spread already", "even already"],
)
def test_what_is_even_is_left_alone(by_minute: list[int], policy: Policy) -> None:
    assert advised(by_minute, policy) == []


def test_an_unknown_type_is_left_alone_and_the_largest_comes_first() -> None:
    policies = {"a": Policy(), "b": Policy()}
    found = advice({"a": [30] + [0] * 99, "b": [90] + [0] * 99, "c": [500]}, policies)
    assert [one.integration_type for one in found] == ["b", "a"]


@pytest.mark.parametrize("spread", [timedelta(), timedelta(minutes=2)])
def test_the_forecast_with_the_proposal_is_what_was_promised(spread: timedelta) -> None:
    begin = datetime(2026, 6, 1, tzinfo=UTC)
    found = advised(NIGHT, Policy(spread=spread))
    fires = Fires(
        Window(begin, begin + timedelta(days=1)), {"xledger": 150}, {"xledger": {FireMinute(120, 60, None): 150}}, 0
    )
    proposed = forecast(fires, {"xledger": Policy(spread=found[0].spread)}).types["xledger"]
    assert max(proposed.starts) == pytest.approx(found[0].then)
    as_set = forecast(fires, {"xledger": Policy(spread=spread)}).types["xledger"]
    assert max(as_set.starts) == pytest.approx(found[0].most)
    assert as_set.starts.index(max(as_set.starts)) == found[0].minute
