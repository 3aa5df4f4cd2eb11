"""What is answered to "why did it (not) run?": facts in, words out. All is about Fjord's xledger at 03:00 in Oslo."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from synkron.model import Action, Source, State
from synkron.reports.why.facts import AuditFacts, Facts, PauseFacts, RunFacts
from synkron.reports.why.sentences import explain
from synkron.scheduler.pauses import Hold


def at(text: str) -> datetime:
    day, _, time = text.rpartition(" ")
    return datetime.fromisoformat(f"{day or '2026-11-23'} {time}").replace(tzinfo=UTC)


TWO = at("02:00")
RUN = RunFacts(
    id=4711,
    source=Source.SCHEDULE,
    action=Action.RUN,
    state=State.SUCCEEDED,
    reason="on time",
    scheduled_for=TWO,
    execute_after=TWO,
    claimed_at=at("01:59:30"),
    started_at=TWO + timedelta(milliseconds=82),
    finished_at=at("02:00:04"),
    next_attempt_at=TWO,
    attempt=1,
    retries=0,
    error=None,
)
FACTS = Facts(
    org_id="o1",
    organization="Fjord",
    integration_id="i1",
    integration_type="xledger",
    moment=TWO,
    now=at("09:00"),
    zone=ZoneInfo("Europe/Oslo"),
    zone_name="Europe/Oslo",
    exists=True,
    is_enabled=True,
    cron_schedule="0 3 * * *",
    described="At 03:00 every day.",
    fault=None,
    fires=True,
    previous=at("2026-11-22 02:00"),
    following=at("2026-11-24 02:00"),
    decided=None,
    into=None,
    asked=[],
    was_watched=True,
    tick_before=TWO,
    tick_after=at("02:00:30"),
    watermark=at("09:00:30"),
    held_since=None,
    held_for=None,
    pauses=[],
    paused_now=None,
    audit=[],
)
OUTAGE = {"was_watched": False, "tick_before": at("01:40"), "tick_after": at("04:12:30")}
CLOSING = PauseFacts(3, "kari", "closing of the month", at("2026-11-22 18:00"), at("04:00"))
ENDLESS = replace(CLOSING, ended_at=None)
NOT_DUE = {"moment": at("05:07"), "fires": False, "previous": TWO}
AT = "2026-11-23 02:00 UTC (03:00 in Europe/Oslo)"
LATER = "2026-11-23 05:07 UTC (06:07 in Europe/Oslo)"
WHEN = f"Fjord's xledger at {AT}"
STARTED = f"{WHEN} is run 4711, which started at 02:00 (82 ms after its scheduled time)"
MISSED = f"{WHEN} was missed: no scheduler ticked between 01:40 and 04:12:30."
NOTHING = f"Fjord's xledger did not run at {AT}, and the ledger has no record of it."
NEAREST = f"The previous occurrence is {AT} and the next one is 2026-11-24 02:00 UTC (03:00 in Europe/Oslo)."
BY_KARI = 'by kari ("closing of the month", from 2026-11-22 18:00 until somebody resumes it)'
DAILY = 'Its schedule, "0 3 * * *" in Europe/Oslo, means: At 03:00 every day'
RETRY = "`synkron runs retry 4711` tries run 4711 again, with the same key."
RESUME = "`synkron resume --number 3` ends the pause."
RANGE = "--integration i1 --from 2026-11-23T02:00Z --to 2026-11-23T02:01Z"
BACKFILL = f"To run its period by hand: `synkron backfill {RANGE}`."
UNPROVEN = ["`synkron verify` reports what the ledger can prove.", f"To run it: `synkron backfill {RANGE}`."]
SKIPPED = {"state": State.SKIPPED, "started_at": None, "attempt": 0, "finished_at": at("02:00:01")}
DEFERRED: dict[str, Any] = {
    "deferred_at": at("08:50"),
    "deferred_until": at("10:00"),
    "next_attempt_at": at("10:00"),
    "deferred_reason": "it is down",
}
FAILED = {"state": State.FAILED, "attempt": 3, "error": "HTTP 503: down", "errors": ["HTTP 500", "HTTP 503: down"]}


def run(**changes: Any) -> RunFacts:
    return replace(RUN, **changes)


def caught_up(**changes: Any) -> RunFacts:
    late = at("04:12:30")
    common: dict[str, Any] = {"source": Source.CATCH_UP, "claimed_at": late, "execute_after": late, "started_at": late}
    return replace(
        RUN, **(common | {"reason": "missed: no scheduler ticked in time; stands for one occurrence"} | changes)
    )


def skipped(reason: str) -> RunFacts:
    return caught_up(**SKIPPED, action=Action.SKIP, reason=reason)


def expired(occurrences: int = 1) -> RunFacts:
    reason = "missed longer ago than the catch-up window of 24h"
    return caught_up(**SKIPPED, action=Action.EXPIRE, reason=reason, occurrences=occurrences)


WAITING = run(state=State.CLAIMED, started_at=None, attempt=0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param(
            {"decided": run()},
            [f"{STARTED} and succeeded on the first attempt."],
            id="ran on time",
        ),
        pytest.param(
            {"decided": run(reason="on time; its row's type was changed from fiken to xledger")},
            [
                f"{STARTED} and succeeded on the first attempt.",
                "After the claim its row's type was changed from fiken to xledger; the run followed it.",
            ],
            id="followed its row",
        ),
        pytest.param(
            {
                "decided": caught_up(reason="missed: nobody; stands for 3 occurrences; its row was moved from 1 to 2"),
                **OUTAGE,
            },
            [
                MISSED,
                (
                    "At 04:12:30 it was claimed as run 4711 (stands for 3 occurrences), which started at 04:12:30 and "
                    "succeeded on the first attempt."
                ),
                "After the claim its row was moved from 1 to 2; the run followed it.",
            ],
            id="followed its row, after it was missed",
        ),
        pytest.param(
            {"held_since": at("01:59"), "held_for": Hold.TYPE, "fault": '"fiken" is not a known integration type'},
            [
                f'{WHEN} is on hold: "fiken" is not a known integration type.',
                "A tick decides it when that is corrected.",
                "Correct the row; `synkron check` lists all rows that can't run.",
            ],
            id="held, as its type is not known",
        ),
        pytest.param(
            {
                "held_since": at("01:59"),
                "held_for": Hold.ORGANIZATION,
                "fault": "there is no organization 7",
                "fires": False,
            },
            [
                f"{WHEN} is on hold: there is no organization 7.",
                "A tick decides it when that is corrected.",
                "Correct the row; `synkron check` lists all rows that can't run.",
            ],
            id="held, as its organization is missing",
        ),
        pytest.param(
            {"held_since": at("01:59"), "held_for": Hold.TYPE},
            [f"{WHEN} was on hold: its type was not known.", "The next tick decides it."],
            id="held, and its type is known by now",
        ),
        pytest.param(
            {"decided": caught_up(reason="missed: its type was not known; stands for one occurrence")},
            [
                f"{WHEN} was on hold: its type was not known.",
                (
                    "At 04:12:30 it was claimed as run 4711, which started at 04:12:30 and succeeded on the first "
                    "attempt."
                ),
            ],
            id="was held, as its type was not known",
        ),
        pytest.param(
            {"decided": WAITING, "fault": "there is no organization 7"},
            [
                (f"{WHEN} is run 4711, which has not started, because its row can't run: there is no organization 7."),
                "Correct the row; `synkron check` lists all rows that can't run.",
            ],
            id="waits for its row",
        ),
        pytest.param(
            {"decided": run(started_at=at("02:12"))},
            [f"{WHEN} is run 4711, which started at 02:12 (12 minutes late) and succeeded on the first attempt."],
            id="ran late",
        ),
        pytest.param(
            {"decided": run(started_at=at("02:12"), execute_after=at("02:11:40"))},
            [
                (
                    f"{WHEN} is run 4711, which started at 02:12 (12 minutes late; spread or pace moved it to "
                    "02:11:40) and succeeded on the first attempt."
                )
            ],
            id="ran late by its type's pace",
        ),
        pytest.param(
            {"decided": replace(WAITING, **DEFERRED)},
            [
                (
                    f"{WHEN} is run 4711, which has been waiting for its vendor since 08:50 and waits until 10:00 "
                    "at most: it is down."
                )
            ],
            id="waits for its vendor",
        ),
        pytest.param(
            {"decided": replace(WAITING, **DEFERRED | {"deferred_until": None, "next_attempt_at": at("09:01")})},
            [f"{WHEN} is run 4711, which is to start at 09:01."],
            id="was given its turn when its vendor was back",
        ),
        pytest.param(
            {"decided": run(state=State.CLAIMED, **DEFERRED)},
            [
                (
                    f"{STARTED}, has had one attempt and has been waiting for its vendor since 08:50 and waits until "
                    "10:00 at most: it is down."
                )
            ],
            id="waits for its vendor after an attempt",
        ),
        pytest.param(
            {"decided": run(attempt=2, errors=["HTTP 500"])},
            [(f"{STARTED} and succeeded on attempt 2 (earlier errors: HTTP 500).")],
            id="ran at the second attempt",
        ),
        pytest.param(
            {"decided": run(error="answer incomplete: the connection was lost within its body")},
            [
                (
                    f"{STARTED} and succeeded on the first attempt, but: answer incomplete: the connection "
                    "was lost within its body."
                )
            ],
            id="succeeded with an answer that broke off",
        ),
        pytest.param(
            {"decided": run(**FAILED)},
            [
                (f"{STARTED} and failed after 3 attempts; the last error: HTTP 503: down."),
                RETRY,
            ],
            id="failed after 3 attempts",
        ),
        pytest.param(
            {"decided": run(state=State.FAILED, error="HTTP 422: no such ledger", errors=["HTTP 422: no such ledger"])},
            [f"{STARTED} and failed after one attempt; the error: HTTP 422: no such ledger.", RETRY],
            id="failed for good at the first attempt",
        ),
        pytest.param(
            {"decided": run(state=State.FAILED, attempt=3, error="given up: it lost its worker 3 times")},
            [f"{STARTED} and was given up: it lost its worker 3 times.", RETRY],
            id="dead-lettered by crashes",
        ),
        pytest.param(
            {
                "decided": run(attempt=4, retries=1),
                "audit": [AuditFacts(at("08:10"), "kari", "retry", "run 4711")],
            },
            [
                (f"{STARTED} and succeeded on attempt 4, after it was retried by hand."),
                "08:10: retry of run 4711 by kari.",
            ],
            id="retried by hand",
        ),
        pytest.param(
            {
                "decided": caught_up(**SKIPPED, action=Action.MERGE, reason="missed: ..."),
                "into": caught_up(id=4712, scheduled_for=at("04:00")),
                **OUTAGE,
            },
            [
                MISSED,
                (
                    "At 04:12:30 it was merged into run 4712 (04:00), which started at 04:12:30 and succeeded "
                    "on the first attempt."
                ),
            ],
            id="merged",
        ),
        pytest.param(
            {"decided": caught_up(), **OUTAGE},
            [
                MISSED,
                "At 04:12:30 it was claimed as run 4711, which started at 04:12:30 and succeeded on the first attempt.",
            ],
            id="caught up after an outage",
        ),
        pytest.param(
            {
                "decided": caught_up(**SKIPPED, action=Action.MERGE, reason="missed: ..."),
                "into": caught_up(id=4712, scheduled_for=at("04:00"), state=State.FAILED, error="HTTP 500"),
                **OUTAGE,
            },
            [
                MISSED,
                (
                    "At 04:12:30 it was merged into run 4712 (04:00), which started at 04:12:30 and failed after one "
                    "attempt; the error: HTTP 500."
                ),
                "`synkron runs retry 4712` tries run 4712 again, with the same key.",
            ],
            id="merged into a run that failed",
        ),
        pytest.param(
            {
                "decided": caught_up(**SKIPPED, action=Action.MERGE, reason="missed: ..."),
                "into": caught_up(
                    id=4712, scheduled_for=at("04:00"), **SKIPPED, reason="cancelled by kari: wrong period"
                ),
                **OUTAGE,
            },
            [
                MISSED,
                (
                    "At 04:12:30 it was merged into run 4712 (04:00), which was not delivered: cancelled by kari: "
                    "wrong period."
                ),
                BACKFILL,
            ],
            id="merged into a run that was cancelled",
        ),
        pytest.param(
            {"decided": caught_up(reason="missed: no scheduler ticked in time; catch-up is all"), **OUTAGE},
            [
                MISSED,
                (
                    "At 04:12:30 it was claimed as run 4711 (catch-up is all), which started at 04:12:30 and succeeded "
                    "on the first attempt."
                ),
            ],
            id="catch-up all",
        ),
        pytest.param(
            {"decided": caught_up(reason="missed: no scheduler ticked in time; stands for 3 occurrences"), **OUTAGE},
            [
                MISSED,
                (
                    "At 04:12:30 it was claimed as run 4711 (stands for 3 occurrences), which started at 04:12:30 and "
                    "succeeded on the first attempt."
                ),
            ],
            id="the latest of several that were missed",
        ),
        pytest.param(
            {"decided": skipped("missed: no scheduler ticked in time, and catch-up is skip"), **OUTAGE},
            [MISSED, "At 04:12:30 it was skipped: no scheduler ticked in time, and catch-up is skip.", BACKFILL],
            id="catch-up skip",
        ),
        pytest.param(
            {
                "decided": skipped(
                    "missed: the row was edited at 2026-11-23T03:00Z, and its schedule before that is not known"
                ),
                **OUTAGE,
            },
            [
                MISSED,
                (
                    "At 04:12:30 it was skipped: the row was edited at 2026-11-23T03:00Z, and its schedule "
                    "before that is not known."
                ),
                BACKFILL,
            ],
            id="edited during the outage",
        ),
        pytest.param(
            {"decided": caught_up(reason="replayed: a tick was asked for this moment")},
            [
                f"{WHEN} was not decided on time (replayed: a tick was asked for this moment).",
                "At 04:12:30 it was claimed as run 4711, which started at 04:12:30 and succeeded on the first attempt.",
            ],
            id="replayed",
        ),
        pytest.param(
            {"decided": run(**SKIPPED, reason="overlap: the run of 01:00 has not finished")},
            [f"{WHEN} is run 4711, which was not delivered: overlap: the run of 01:00 has not finished.", BACKFILL],
            id="skipped by overlap",
        ),
        pytest.param(
            {"decided": run(**SKIPPED, reason="superseded: the integration was disabled"), "is_enabled": False},
            [f"{WHEN} is run 4711, which was not delivered: superseded: the integration was disabled."],
            id="superseded",
        ),
        pytest.param(
            {"pauses": [ENDLESS], "paused_now": ENDLESS, "held_since": at("2026-11-22 18:00")},
            [f"{WHEN} is on hold: paused {BY_KARI}.", "A tick decides it when the pause ends.", RESUME],
            id="paused and held",
        ),
        pytest.param(
            {"pauses": [CLOSING], "held_since": at("2026-11-22 18:00")},
            [
                f'{WHEN} is on hold: paused by kari ("closing of the month", from 2026-11-22 18:00 to 04:00).',
                "A tick decides it when the pause ends.",
            ],
            id="held by a pause that has just ended",
        ),
        pytest.param(
            {"decided": caught_up(reason="missed: it was paused; stands for one occurrence"), "pauses": [CLOSING]},
            [
                (f'{WHEN} was on hold: paused by kari ("closing of the month", from 2026-11-22 18:00 to 04:00).'),
                "At 04:12:30 it was claimed as run 4711, which started at 04:12:30 and succeeded on the first attempt.",
            ],
            id="paused and caught up",
        ),
        pytest.param(
            {"decided": expired(), **OUTAGE},
            [
                MISSED,
                "At 04:12:30 it expired: missed longer ago than the catch-up window of 24h.",
                BACKFILL,
            ],
            id="expired singly",
        ),
        pytest.param(
            {"decided": expired(occurrences=1500), **OUTAGE},
            [
                MISSED,
                (
                    "At 04:12:30 it expired together with 1499 others: missed longer ago than the "
                    "catch-up window of 24h."
                ),
                BACKFILL,
            ],
            id="expired in summary",
        ),
        pytest.param(
            {"decided": run(**SKIPPED, reason="cancelled by kari: wrong file")},
            [f"{WHEN} is run 4711, which was not delivered: cancelled by kari: wrong file.", BACKFILL],
            id="cancelled before it started",
        ),
        pytest.param(
            {"decided": run(state=State.FAILED, error="cancelled by kari: wrong file")},
            [f"{STARTED} and was cancelled by kari: wrong file.", RETRY],
            id="cancelled while it ran",
        ),
        pytest.param(
            {"decided": run(state=State.RUNNING, finished_at=None, started_at=TWO)},
            [
                (
                    f"{WHEN} is run 4711, which started at 02:00 (0 ms after its scheduled time) and is running, on "
                    "the first attempt."
                )
            ],
            id="running",
        ),
        pytest.param(
            {"decided": run(state=State.RUNNING, finished_at=None, completes_by=at("03:00:04"))},
            [f"{STARTED}; its target accepted it and must complete it by 03:00:04."],
            id="accepted, not completed",
        ),
        pytest.param(
            {
                "now": at("02:00:30"),
                "decided": run(state=State.CLAIMED, next_attempt_at=at("02:01:04"), errors=["HTTP 500"]),
            },
            [f"{STARTED}, has had one attempt (HTTP 500) and is tried again at 02:01:04."],
            id="waits for its next attempt",
        ),
        pytest.param(
            {"decided": WAITING},
            [
                (
                    f"{WHEN} is run 4711, which has not started, although it has been ready since 02:00: no worker is "
                    "running or free, or an older run of the integration has not finished."
                ),
                "`synkron nodes` lists the workers.",
            ],
            id="waits for a worker",
        ),
        pytest.param(
            {"decided": WAITING, "pauses": [], "paused_now": ENDLESS},
            [
                f'{WHEN} is run 4711, which has not started: it is paused by kari ("closing of the month").',
                RESUME,
            ],
            id="claimed, then paused",
        ),
        pytest.param(NOT_DUE, [f"Fjord's xledger did not run at {LATER}: it was not due.", NEAREST], id="not due"),
        pytest.param(
            {**NOT_DUE, "previous": None, "following": None, "described": "Never: February has no day 30."},
            [f"Fjord's xledger did not run at {LATER}: it was not due.", "Its schedule never fires."],
            id="never due",
        ),
        pytest.param(
            {
                **NOT_DUE,
                "asked": [run(source=Source.MANUAL, reason="triggered by kari", scheduled_for=at("05:07:31"))],
            },
            [
                (
                    f"Fjord's xledger, {LATER}: run 4711 was triggered by kari at 05:07:31 UTC; it started at 02:00 "
                    "and succeeded on the first attempt."
                )
            ],
            id="not due, triggered by hand",
        ),
        pytest.param(
            {
                "decided": run(**SKIPPED, reason="superseded: it was disabled"),
                "asked": [run(id=4800, source=Source.BACKFILL, reason="backfilled by kari")],
            },
            [
                f"{WHEN} is run 4711, which was not delivered: superseded: it was disabled.",
                "Run 4800 was backfilled by kari; it started at 02:00 and succeeded on the first attempt.",
            ],
            id="backfilled",
        ),
        pytest.param({"is_enabled": False}, [NOTHING, "It runs again when the row is enabled."], id="disabled"),
        pytest.param({"cron_schedule": None, "fires": False}, [NOTHING], id="no schedule"),
        pytest.param(
            {"fault": 'cron_schedule "99 * * * *": minute is 0-59', "fires": False},
            [NOTHING, "Correct the row; `synkron check` lists all rows that can't run."],
            id="malformed",
        ),
        pytest.param(
            {"exists": False, "fires": False},
            [f"Fjord's xledger is no longer in the table, and the ledger has no record of {AT}."],
            id="deleted",
        ),
        pytest.param(
            {},
            [
                (
                    f"{WHEN} was never decided, although the current schedule includes it: the row was added, "
                    "enabled or edited later, or something is wrong."
                ),
                *UNPROVEN,
            ],
            id="added since",
        ),
        pytest.param(
            {"into": run(scheduled_for=at("02:04"), started_at=at("02:04:00.082"))},
            [
                f"{WHEN} was not decided: its row could not run then, was disabled, or was edited later.",
                (
                    "It is in the period of run 4711 (02:04), which started at 02:04 (82 ms after its scheduled time) "
                    "and succeeded on the first attempt."
                ),
            ],
            id="in the period of a later run",
        ),
        pytest.param(
            {"watermark": at("01:40:30"), **OUTAGE, "tick_after": None},
            [
                f"{WHEN} is undecided: no scheduler has ticked since 01:40.",
                "The next tick decides it.",
                "`synkron nodes` lists the schedulers.",
            ],
            id="nobody ticks",
        ),
        pytest.param(
            {"watermark": None, **OUTAGE, "tick_before": None, "tick_after": None},
            [f"{WHEN} is undecided: no scheduler has ever ticked.", "Start a scheduler: `synkron run`."],
            id="nobody ever ticked",
        ),
        pytest.param(
            {**OUTAGE, "tick_before": None},
            [
                f"{WHEN} was never decided: no scheduler had ticked yet, and the first tick does not run the past.",
                *UNPROVEN,
            ],
            id="before the first tick",
        ),
        pytest.param(
            {"now": at("00:00"), "watermark": at("00:00:30")},
            [f"{AT} is in the future. Fjord's xledger is due then, and the tick at 01:59:30 decides it."],
            id="ahead, due",
        ),
        pytest.param(
            {"now": at("01:59:40"), "watermark": TWO},
            [f"{AT} is in the future. Fjord's xledger is due then, and the next tick decides it."],
            id="ahead, edited after the tick",
        ),
        pytest.param(
            {"now": at("00:00"), "pauses": [ENDLESS], "paused_now": ENDLESS},
            [
                f"{AT} is in the future. Fjord's xledger is due then, and the tick at 01:59:30 decides it.",
                f"It is then paused {BY_KARI}.",
                RESUME,
            ],
            id="ahead, paused",
        ),
        pytest.param(
            {**NOT_DUE, "now": at("03:00")},
            [f"{LATER} is in the future. Fjord's xledger is not due then.", NEAREST],
            id="ahead, not due",
        ),
        pytest.param(
            {"now": at("01:59:40"), "decided": WAITING},
            [f"{WHEN} is run 4711, which is to start at 02:00."],
            id="ahead, claimed by the head start",
        ),
        pytest.param(
            {"now": at("00:00"), "is_enabled": False},
            [
                f"{AT} is in the future. With its row as it is now, Fjord's xledger will not run then.",
                "It runs again when the row is enabled.",
            ],
            id="ahead, disabled",
        ),
    ],
)
def test_why(changes: dict[str, Any], says: list[str]) -> None:
    told = explain(replace(FACTS, **changes))
    assert [sentence for sentence in told if not sentence.startswith("Currently, the row ")] == says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decided": RUN}, f"is enabled. {DAILY}."),
        ({"decided": RUN, "fires": False}, f"is enabled. {DAILY}; it no longer includes this minute."),
        (NOT_DUE, f"is enabled. {DAILY}."),
        ({"is_enabled": False}, f"is disabled. {DAILY}; it includes this minute."),
        ({"decided": RUN, "is_enabled": False}, f"is disabled. {DAILY}."),
        ({"paused_now": ENDLESS, "pauses": [ENDLESS]}, f"is enabled, and still paused. {DAILY}."),
        ({"paused_now": ENDLESS}, f"is enabled, and paused {BY_KARI}. {DAILY}."),
        ({"cron_schedule": None, "fires": False}, "has no schedule."),
        ({"cron_schedule": None, "fires": False, "is_enabled": False}, "has no schedule, and is disabled."),
        ({"fault": "no such zone", "fires": False}, "can't run: no such zone."),
    ],
)
def test_how_the_row_stands(changes: dict[str, Any], says: str) -> None:
    assert f"Currently, the row {says}" in explain(replace(FACTS, **changes))


def test_of_a_deleted_row_that_had_a_run() -> None:
    told = explain(replace(FACTS, exists=False, fires=False, decided=run(**FAILED)))
    assert told[1:] == ["The row is no longer in the table.", RETRY]


def test_the_answer_comes_first_then_the_row_then_what_can_be_done() -> None:
    answer, row, remedy = explain(replace(FACTS, decided=run(**FAILED)))
    assert (answer.startswith(STARTED), row.startswith("Currently, the row "), remedy) == (True, True, RETRY)


def test_in_utc_nothing_is_said_of_a_zone() -> None:
    facts = replace(FACTS, zone=UTC, zone_name="UTC", decided=RUN)
    assert explain(facts)[0].startswith("Fjord's xledger at 2026-11-23 02:00 UTC is run 4711")


def test_where_it_is_another_day_the_day_is_said() -> None:
    facts = replace(FACTS, zone=ZoneInfo("Pacific/Apia"), zone_name="Pacific/Apia", moment=at("22:00"), decided=RUN)
    assert "2026-11-23 22:00 UTC (2026-11-24 11:00 in Pacific/Apia)" in explain(facts)[0]
