"""How what is so is told: of one organization, of many at once, and with what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.cold_starts import ColdStarts, cold
from synkron.incidents.conditions.expired_moments import Expired, expired
from synkron.incidents.conditions.failed_runs import FailedRun, Verified, failed, verified
from synkron.incidents.conditions.invalid_rows import invalid
from synkron.incidents.conditions.late_runs import late
from synkron.incidents.conditions.processes import TickGap, tick_gaps, tzdata_differs
from synkron.incidents.conditions.unhealthy_vendors import VendorEndpoint, is_told, unwell, used_up
from synkron.ledger.drift import LateRun, Moments
from synkron.model import Fault, Integration, InvalidIntegration, Source, Window
from synkron.source.due import all_occurrences
from synkron.vendors.health import Verdict, Watch

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
TWO = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NOW = TWO + 7 * MINUTE
NAMES = {"o1": "Fjord", "o2": "Vik"}
WATCH = Watch("https://vendor.example/", ("xledger",), True, 15 * MINUTE, MINUTE, MINUTE, most_probes=500)


def waiting(number: int = 1, org: str = "o1", kind: str = "xledger", *, minutes: int = 7) -> LateRun:
    """No worker has taken it."""
    due = NOW - minutes * MINUTE
    moments = Moments(Source.SCHEDULE, due, due, due - MINUTE / 2, NOW, due - MINUTE / 2)
    return LateRun(number, f"i{number}", org, kind, moments, has_started=False)


def behind(number: int, org: str, *, minutes: int) -> LateRun:
    """It started after an older run had ended."""
    due = NOW - minutes * MINUTE
    moments = Moments(Source.SCHEDULE, due, due, due - MINUTE / 2, NOW, NOW, MINUTE)
    return LateRun(number, f"i{number}", org, "xledger", moments, has_started=True)


def only(found: list[Condition]) -> Condition:
    [condition] = found
    return condition


def test_a_late_run_names_organization_type_and_stage() -> None:
    told = only(late([waiting()], NAMES))
    assert (told.kind, told.subject, told.org_id, told.integration_type) == (
        IncidentKind.DRIFT,
        "o1 xledger",
        "o1",
        "xledger",
    )
    assert told.title == (
        "xledger of Fjord is 7 minutes late and has not started (stage worker): no worker was free or running"
    )
    assert told.detail == (
        "Run 1 of 2026-11-23 02:00 UTC is 7 minutes late and has not started by 2026-11-23 02:07 UTC; "
        "most of the delay was in stage worker."
    )
    assert "`synkron nodes`" in told.remedy
    assert told.since == TWO
    assert told.touches["stage"] == "worker"
    assert (told.touches["organizations"], told.touches["organizations_total"]) == (["o1"], 1)


def test_of_an_organization_and_type_there_is_one_and_the_worst_stands_in_it() -> None:
    told = only(late([waiting(1), waiting(2, minutes=9), waiting(3, minutes=8)], NAMES))
    assert told.detail.startswith("Run 2 of 2026-11-23 01:58 UTC")
    assert told.detail.endswith(
        "3 runs started late in the last 15 minutes or should have started; 3 of them have not started."
    )
    assert told.since == TWO - 2 * MINUTE


def test_two_organizations_are_told_of_apart() -> None:
    found = late([waiting(1), waiting(2, "o2"), waiting(3, "o2", "dynamics")], NAMES)
    assert [one.subject for one in found] == ["o1 xledger", "o2 dynamics", "o2 xledger"]


def test_three_organizations_are_one_matter() -> None:
    runs = [waiting(1), waiting(2, "o2"), waiting(3, "o3", "dynamics"), behind(4, "o3", minutes=12)]
    told = only(late(runs, NAMES))
    assert (told.subject, told.org_id, told.integration_type) == ("fleet", None, None)
    assert told.title == "Runs of 3 organizations are late (stage worker): no worker was free or running"
    assert "By type: dynamics 1, xledger 3." in told.detail
    assert "The worst is xledger of organization o3. Run 4" in told.detail
    assert told.touches["by_type"] == {"xledger": 3, "dynamics": 1}
    assert (told.touches["runs"], told.touches["waiting"], told.touches["worst_run"]) == (4, 3, 4)


def test_the_stage_is_the_one_that_lost_most_of_all() -> None:
    runs = [waiting(1), waiting(2, "o2"), behind(3, "o3", minutes=60)]
    assert only(late(runs, NAMES)).touches["stage"] == "turn"
    assert "`synkron why --integration i3 --at 2026-11-23T01:07Z`" in only(late(runs, NAMES)).remedy


def test_where_no_more_were_looked_at_it_says_so() -> None:
    told = only(late([waiting(number, f"o{number}") for number in range(30)], NAMES, is_cut=True))
    assert told.title.startswith("Runs of at least 30 organizations are late")
    assert told.touches["organizations_total"] == 30
    assert len(told.touches["organizations"]) == 20  # type: ignore[arg-type]


def dead(number: int, org: str, error: str = "HTTP 500") -> FailedRun:
    return FailedRun(number, org, "xledger", TWO - number * MINUTE, NOW - number * MINUTE, error)


def test_dead_letters_of_an_organization_and_type() -> None:
    told = only(failed([dead(1, "o1", "HTTP 503: down."), dead(2, "o1")], NAMES, NOW))
    assert (told.kind, told.subject, told.title) == (
        IncidentKind.RUN_FAILED,
        "o1 xledger",
        "xledger of Fjord: 2 runs failed for good",
    )
    assert told.detail == (
        "Run 1 of 2026-11-23 01:59 UTC failed at 2026-11-23 02:06 UTC: HTTP 503: down. "
        "No later run of its integration had succeeded by 2026-11-23 02:07 UTC."
    )
    assert "`synkron runs retry 2 1`" in told.remedy
    assert told.since == NOW - 2 * MINUTE


@pytest.mark.parametrize(("organizations", "told"), [(20, 20), (21, 1)])
def test_dead_letters_of_very_many_organizations_are_one(organizations: int, told: int) -> None:
    found = failed([dead(number, f"o{number}") for number in range(organizations)], NAMES, NOW)
    assert len(found) == told
    if told == 1:
        assert found[0].title == "xledger: 21 runs of 21 organizations failed for good"
        assert (found[0].subject, found[0].org_id) == ("type xledger", None)


def test_a_verification_without_findings_is_not_told() -> None:
    clean = Verified(NOW, TWO, NOW, 9371, 0, 0, 0)
    assert verified(clean) == verified(None) == []
    told = only(verified(Verified(NOW, TWO, NOW, 9371, 1, 0, 2)))
    assert told.title == "Verification failed: 1 missed, 0 doubled, 2 unexplained"


def endpoint(verdict: Verdict, *, counted: int = 0, passive_until: datetime | None = None) -> VendorEndpoint:
    return VendorEndpoint(WATCH.endpoint, verdict, "HTTP 503", "probe", TWO, NOW, passive_until, counted)


@pytest.mark.parametrize(
    ("verdict", "kind", "title"),
    [
        (Verdict.UNREACHABLE, IncidentKind.UNHEALTHY, "xledger: the vendor can't be reached"),
        (Verdict.DEGRADED, IncidentKind.UNHEALTHY, "xledger: the vendor is slow or returns errors"),
        (Verdict.UNAUTHORIZED, IncidentKind.UNHEALTHY, "xledger: the vendor rejects the credentials"),
        (Verdict.THROTTLED, IncidentKind.THROTTLED, "xledger: the vendor is throttling requests"),
    ],
)
def test_a_vendor_that_is_not_well(verdict: Verdict, kind: IncidentKind, title: str) -> None:
    told = unwell(endpoint(verdict, passive_until=NOW), WATCH, [f"o{n}" for n in range(10_000)], is_cut=True)
    assert (told.kind, told.title, told.subject) == (kind, title, WATCH.endpoint)
    assert f"has been {verdict} since 2026-11-23 02:00 UTC: HTTP 503. This was detected by a probe." in told.detail
    assert "No probe is sent until 2026-11-23 02:07 UTC." in told.detail
    assert "Live integrations of at least 10,000 organizations use it." in told.detail


def test_a_vendor_that_is_well_is_not_told() -> None:
    assert not any(is_told(endpoint(verdict)) for verdict in (Verdict.HEALTHY, Verdict.UNKNOWN))


def test_probes_that_are_used_up() -> None:
    assert used_up(endpoint(Verdict.UNKNOWN, counted=499), WATCH, NOW) == []
    told = only(used_up(endpoint(Verdict.UNKNOWN, counted=500), WATCH, NOW))
    assert (told.kind, told.subject) == (IncidentKind.PROBE_ALLOWANCE, WATCH.endpoint)
    assert "500 probes of 500" in told.detail
    assert "None is sent before 2026-12-01 00:00 UTC" in told.detail
    december = only(used_up(endpoint(Verdict.UNKNOWN, counted=500), WATCH, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)))
    assert "None is sent before 2027-01-01 00:00 UTC" in december.detail


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        (Fault.SCHEDULE, IncidentKind.INVALID_SCHEDULE, "their schedule is invalid"),
        (Fault.ORGANIZATION, IncidentKind.NO_ORGANIZATION, "their organization is missing"),
        (Fault.ZONE, IncidentKind.UNKNOWN_ZONE, "their organization's time zone is unknown"),
        (Fault.TYPE, IncidentKind.UNKNOWN_TYPE, "their integration type is unknown"),
    ],
)
def test_rows_that_can_t_be_fired(fault: Fault, kind: IncidentKind, reason: str) -> None:
    rows = [InvalidIntegration("o1", f"i{number}", "xledger", "it is wrong", fault) for number in range(21)]
    found = invalid(rows[:20], NAMES, NOW)
    if fault in (Fault.ZONE, Fault.ORGANIZATION):
        assert [(one.kind, one.subject) for one in found] == [(kind, "organization o1")]
        assert found[0].title == "20 integrations of Fjord can't run: it is wrong"
        rows = [replace(row, org_id=f"o{number}") for number, row in enumerate(rows)]
        one, *_ = invalid(rows[:20], {"o0": "Fjord"}, NOW)
        assert (one.subject, one.title) == ("organization o0", "xledger of Fjord can't run: it is wrong")
    else:
        assert [(one.kind, one.subject) for one in found] == [(kind, f"i{number}") for number in range(20)]
        assert found[0].title == "xledger of Fjord can't run: it is wrong"
    assert only(invalid(rows, NAMES, NOW)).title == (f"21 integrations can't run: {reason}")


@pytest.mark.parametrize("number", [1, 2], ids=["one", "several of an organization"])
@pytest.mark.parametrize(
    ("row", "briefly"),
    [
        ({"timezone": "Europe/Olso"}, "the organization's timezone: 'Europe/Olso': not a known zone"),
        ({"timezone": "a; b"}, "the organization's timezone: 'a; b': not a known zone"),
        ({"organization_exists": False}, "there is no organization o1"),
        ({"integration_type": "fax"}, '"fax" is not a known integration type'),
        ({"cron_schedule": "1; 2"}, None),
    ],
)
def test_what_is_allowed_is_in_the_detail_and_not_in_the_title(
    row: dict[str, Any], briefly: str | None, number: int
) -> None:
    given: dict[str, Any] = {
        "timezone": "UTC",
        "organization_exists": True,
        "integration_type": "xledger",
        "updated_at": None,
    }
    rows = [
        Integration(f"i{one}", "o1", is_enabled=True, **{"cron_schedule": "* * * * *", **given, **row})
        for one in range(number)
    ]
    _, faulty = all_occurrences(rows, Window(TWO, NOW), {"xledger"})
    told, *_ = invalid(faulty, NAMES, NOW)
    reason = faulty[0].reason
    assert told.title.partition("can't run: ")[2] == (briefly or reason)
    assert (f" The reason in full: {reason}." in told.detail) == (briefly is not None)


def test_a_gap_that_lasts_and_one_that_is_over() -> None:
    open_gap = TickGap(TWO, None, 0, 0, 0, is_cut=False)
    over = TickGap(TWO - 30 * MINUTE, TWO - 20 * MINUTE, 3, 40, 0, is_cut=False)
    assert tick_gaps([], NOW) == []
    told = only(tick_gaps([over, open_gap], NOW))
    assert (told.kind, told.subject, told.since) == (IncidentKind.TICK_GAP, "ticks", over.began)
    assert told.title == "No scheduler has ticked for 7 minutes"
    assert told.detail.endswith("Earlier gap: from 2026-11-23 01:30 UTC to 2026-11-23 01:40 UTC.")
    told = only(tick_gaps([over], NOW))
    assert told.title == "No scheduler ticked for 10 minutes"
    assert "It made 3 runs late. Merged, skipped or expired: 40 occurrences." in told.detail


def test_a_gap_in_which_pg_cron_claims() -> None:
    lasting, over = TickGap(TWO, None, 0, 0, 5, is_cut=False), TickGap(TWO, NOW, 0, 0, 1, is_cut=False)
    assert (
        "pg_cron claims what was planned, and nothing else is claimed until" in only(tick_gaps([lasting], NOW)).detail
    )
    assert only(tick_gaps([over], NOW)).detail.endswith(" UTC. pg_cron claimed 1 planned run.")


def test_cold_starts_say_what_they_cost_as_far_as_it_is_known() -> None:
    starts = ColdStarts(
        "xledger", 3, TWO, NOW, timedelta(seconds=9), timedelta(seconds=4), 2, 1, ["o1", "o2"], is_cut=False
    )
    told = cold(starts)
    assert (told.kind, told.subject, told.title) == (
        IncidentKind.COLD_START,
        "xledger",
        "xledger: 3 attempts had a cold start",
    )
    assert "They cost 9 s in all, and 4 s at worst." in told.detail
    unknown = ColdStarts("xledger", 1, TWO, TWO, None, None, 0, 1, ["o1"], is_cut=True)
    assert "Their cost is not known." in cold(unknown).detail
    assert "at least 1 attempt " in cold(unknown).title


def test_what_expired_says_how_much_whose_and_how_to_run_it() -> None:
    first, last = NOW - 70 * HOUR, NOW - 25 * HOUR
    found = [
        Expired("bufdir", 1, last, last, NOW, ["o3"], is_cut=False),
        Expired("xledger", 1200, first, last, NOW, ["o1", "o2", "o3"], is_cut=False),
    ]
    condition = only(expired(found))
    assert (condition.kind, condition.subject) == (IncidentKind.MOMENTS_EXPIRED, "expired")
    assert condition.title == "1,201 occurrences of 3 organizations expired and did not run"
    assert "bufdir 1, xledger 1,200" in condition.detail
    assert f"synkron backfill --from {first:%Y-%m-%dT%H:%MZ}" in condition.remedy
    assert condition.touches == {"organizations": ["o3", "o1", "o2"], "organizations_total": 3, "occurrences": 1201}
    assert expired([]) == []


def test_two_versions_of_tzdata_are_told_of_and_one_is_not() -> None:
    assert tzdata_differs({}, NOW) == []
    assert tzdata_differs({"2025b": ["a", "b"]}, NOW) == []
    condition = only(tzdata_differs({"2024a": ["c"], "2025b": ["a", "b"]}, NOW))
    assert condition.title.endswith("tzdata 2024a, 2025b")
    assert "2024a on c; 2025b on a, b" in condition.detail
    assert "Install tzdata 2025b on all hosts" in condition.remedy
