"""The demo's screen: it fills the terminal exactly, shows what matters from 80 x 24 on, and nothing in it jumps."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from synkron.cli.demo.run import caught_up
from synkron.cli.demo.screen import screen
from synkron.cli.demo.snapshot import Snapshot
from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.lifecycle import Incident
from synkron.ledger.history import RecordedRun, Totals
from synkron.model import Integration, InvalidIntegration
from synkron.source.upcoming import Upcoming
from synkron.vendors.health import Verdict
from tests.support.hostile import HOSTILE, SPELT, dangerous_in, hostile_texts

NOW = datetime(2026, 11, 23, 14, 3, 27, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
ROW = Integration("i1", "fjord", "xledger", True, "*/2 * * * *", True, "Asia/Kathmandu")
RUN = RecordedRun(
    id=1,
    key="key",
    integration_id="i1",
    org_id="fjord",
    integration_type="xledger",
    source="schedule",
    scheduled_for=MINUTE,
    period_start=MINUTE - timedelta(minutes=2),
    period_end=MINUTE,
    execute_after=MINUTE,
    action="run",
    reason="on time",
    occurrences=1,
    cron_schedule="*/2 * * * *",
    timezone="Asia/Kathmandu",
    state="succeeded",
    attempt=1,
    failures=0,
    claimed_at=MINUTE - timedelta(seconds=30),
    started_at=MINUTE + timedelta(milliseconds=82),
    finished_at=MINUTE + timedelta(milliseconds=150),
    next_attempt_at=MINUTE,
    drift=timedelta(milliseconds=82),
    http_status=200,
    error=None,
)
INCIDENT = Incident(
    Condition(IncidentKind.INVALID_SCHEDULE, "i3", "xledger of Vik can't run: no such minute", "", "", MINUTE),
    opened_at=MINUTE,
    seen_at=MINUTE,
    id=7,
)
SHOT = Snapshot(
    now=NOW,
    since=NOW - timedelta(minutes=65),
    place="/var/lib/synkron",
    names={"fjord": "Fjordlys Barnehager"},
    fires=[Upcoming(MINUTE + timedelta(minutes=1), ROW)] * 9,
    runs=[RUN] * 30,
    totals=Totals(120, 2, 110, 3, 5, 0, 0, timedelta(milliseconds=43), timedelta(milliseconds=91)),
    invalid=[InvalidIntegration("fjord", "i2", "bufdir", 'cron_schedule "99 * * * *": minute is 0-59')],
    notes=["14:03:00 run will be retried (run 9): HTTP 503"],
    vendors={"xledger": Verdict.HEALTHY, "bufdir": Verdict.UNREACHABLE},
    incidents=[INCIDENT] * 4,
)
SIZES = [(80, 24), (100, 30), (124, 36), (140, 45), (200, 60)]


@pytest.mark.parametrize(("width", "height"), [*SIZES, (40, 12), (20, 5)])
def test_it_fills_the_terminal_exactly(width: int, height: int) -> None:
    lines = _drawn(SHOT, width, height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_shows_what_matters(width: int, height: int) -> None:
    text = "\n".join(_drawn(SHOT, width, height))
    for part in (
        "14:03:27 UTC",
        "up 1:05:00",
        "vendors  ✗ bufdir  ✓ xledger   incidents: 4 open",
        "/var/lib/synkron",
        "next: 9 at 14:04",
        "14:04    33 s  19:49  Fjordlys Barnehager   xledger   */2 * * * *",
        "82 ms  Fjordlys Barnehager   xledger",
        "✓ succeeded    1  200",
        "✓  110 succeeded  ✗    3 failed  –    5 skipped  drift p50   43 ms p95   91 ms",
        "Any key shows help. Ctrl-C stops.",
    ):
        assert part in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_each_incident_and_each_row_that_can_not_run_gets_its_turn(width: int, height: int) -> None:
    shots = [replace(SHOT, now=NOW + 5 * n * timedelta(seconds=1)) for n in range(5)]
    text = "\n".join(line for shot in shots for line in _drawn(shot, width, height))
    assert "incident 7: xledger of Vik can't run: no such minute" in text
    assert "Fjordlys Barnehager, bufdir can't run: cron_schedule" in text


def test_what_was_caught_up_is_said_and_left_out_of_the_drift() -> None:
    shot = replace(SHOT, totals=replace(SHOT.totals, caught_up=21, caught_up_moments=300))
    wide, narrow = ("\n".join(_drawn(shot, width, 24)) for width in (80, 60))
    assert "runs, the newest first; 21 of missed or held moments, not in p50 and p95" in wide
    assert "runs; 21 caught up, not in p50 and p95" in narrow


@pytest.mark.parametrize(
    ("runs", "moments", "told"),
    [
        (0, 0, ""),
        (1, 1, " 1 run caught up 1 moment, missed or on hold."),
        (2, 300, " 2 runs caught up 300 moments, missed or on hold."),
    ],
)
def test_what_a_demo_has_caught_up_may_have_been_on_hold(runs: int, moments: int, told: str) -> None:
    assert caught_up(replace(SHOT.totals, caught_up=runs, caught_up_moments=moments)) == told


def test_at_60_columns_nothing_that_is_shown_is_cut() -> None:
    text = "\n".join(_drawn(replace(SHOT, invalid=[], incidents=[]), 60, 24))
    assert "…" not in text
    assert re.search(r"14:03 +82 ms +Fjordlys Barnehager +xledger +✓", text)
    assert "✓  110  ✗    3  –    5  p50   43 ms p95   91 ms" in text


@pytest.mark.parametrize(("width", "height"), [*SIZES, (60, 24)])
def test_a_key_shows_help_with_a_command_for_the_run_that_failed(width: int, height: int) -> None:
    failed = replace(RUN, id=4711, state="failed", error="HTTP 422")
    shot = replace(SHOT, runs=[failed])
    assert "synkron runs retry 4711" in _drawn(shot, width, height)[-1]
    lines = _drawn(replace(shot, asks_for_help=True), width, height)
    assert len(lines) == height
    text = "\n".join(lines)
    for part in ("drift", "synkron runs retry 4711", "synkron incidents", "Ctrl-C", "Any key"):
        assert part in text


@pytest.mark.parametrize("asks_for_help", [False, True])
def test_the_link_to_the_dashboard_can_be_clicked_on_where_it_is_folded_or_not_shown(asks_for_help: bool) -> None:
    link = "http://127.0.0.1:8077/login/synkron_l_" + "x" * 43
    shot = replace(SHOT, dashboard=link, asks_for_help=asks_for_help)
    for width in (80, 100):
        drawn = StringIO()
        Console(file=drawn, force_terminal=True, width=width, height=24).print(screen(shot, width, 24))
        assert f";{link}\x1b\\" in drawn.getvalue()


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "│ Dashboard: `synkron login` prints a link to it. "),
        (77, "│ Dashboard: `synkron login` prints a link to it. "),
        # A browser adds the scheme.
        (78, "│ 127.0.0.1:8077/login/SECRET │"),
        (80, "│ 127.0.0.1:8077/login/SECRET   │"),
        (84, "│ 127.0.0.1:8077/login/SECRET       │"),
        (85, "│ http://127.0.0.1:8077/login/SECRET │"),
        (120, "│ http://127.0.0.1:8077/login/SECRET "),
    ],
)
def test_help_shows_the_link_whole_in_a_line_of_its_own_or_what_prints_one(width: int, shown: str) -> None:
    secret = "synkron_l_" + "x" * 43
    link = f"http://127.0.0.1:8077/login/{secret}"
    failed = replace(RUN, id=4_711_000, state="failed")
    text = "\n".join(_drawn(replace(SHOT, runs=[failed], dashboard=link, asks_for_help=True), width, 24))
    assert shown.replace("SECRET", secret) in text
    assert ("synkron login" in text, "synkron --help" in text) == (True, True)


def test_a_wide_and_tall_terminal_shows_more() -> None:
    text = "\n".join(_drawn(SHOT, 140, 45))
    for part in (
        "14:03:00.082",
        "14:01–14:03",
        "Every 2 minutes (Asia/Kathmandu)",
        "120 claimed",
        "run will be retried",
    ):
        assert part in text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_jumps(width: int, height: int) -> None:
    """The frames and headings stand where they stand, however little or much there is to show."""
    long = replace(RUN, state="failed", drift=timedelta(hours=30), error="HTTP 500 " * 40)
    full = replace(
        SHOT,
        names={"fjord": "A very long name of an organization in the far north"},
        runs=[long] * 40,
        invalid=list(SHOT.invalid) * 30,
        notes=["x" * 300] * 30,
        banner="stopping: 12 attempts under way " * 5,
    )
    empty = replace(
        SHOT, names={}, fires=[], runs=[], invalid=[], notes=[], totals=Totals(0, 0, 0, 0, 0, 0, 0, None, None)
    )
    drawn = [_drawn(shot, width, height) for shot in (SHOT, full, empty)]
    assert len({tuple(_places_of_frames(lines)) for lines in drawn}) == 1
    headings = [tuple(line for line in lines if " UTC " in line and " type " in line) for lines in drawn]
    assert len(headings[0]) == 2
    assert len(set(headings)) == 1


@pytest.mark.parametrize(
    ("state", "attempt", "shown"),
    [
        ("claimed", 0, "· waiting"),
        ("claimed", 1, "↻ retrying"),
        ("running", 1, "» running"),
        ("succeeded", 1, "✓ succeeded"),
        ("failed", 3, "✗ failed"),
        ("skipped", 0, "– skipped"),
    ],
)
def test_each_state_has_its_sign(state: str, attempt: int, shown: str) -> None:
    run = replace(RUN, state=state, attempt=attempt)
    assert shown in "\n".join(_drawn(replace(SHOT, runs=[run]), 80, 24))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_what_would_drive_the_terminal_is_spelt_out(width: int, height: int) -> None:
    lines = _drawn(_saying(HOSTILE), width, height)
    assert dangerous_in("".join(lines)) == []
    assert SPELT[:8] in "".join(lines)
    assert {cell_len(line) for line in lines} == {width}


@given(hostile_texts(), st.sampled_from(SIZES))
def test_nothing_that_drives_the_terminal_gets_through(text: str, size: tuple[int, int]) -> None:
    assert dangerous_in("".join(_drawn(_saying(text), *size))) == []


def _saying(text: str) -> Snapshot:
    """A snapshot that says the text wherever text comes from outside."""
    row = Integration(text, text, text, True, "* * * * *", True, "Asia/Kathmandu")
    run = replace(RUN, integration_id=text, org_id=text, integration_type=text, cron_schedule=text, timezone=text)
    return replace(
        SHOT,
        place=text,
        names={text: text},
        fires=[Upcoming(MINUTE + timedelta(minutes=1), row), *SHOT.fires],
        runs=[replace(run, error=text), replace(run, state="skipped", reason=text)],
        invalid=[InvalidIntegration(text, text, text, text)],
        notes=[text],
        vendors={text: Verdict.HEALTHY},
        banner=text,
    )


def test_runs_that_wait_for_their_minute_are_counted_and_not_listed() -> None:
    ahead = replace(RUN, scheduled_for=MINUTE + timedelta(minutes=1), state="claimed")
    text = "\n".join(_drawn(replace(SHOT, runs=[ahead, ahead, RUN]), 80, 24))
    assert "next: 9 at 14:04, 2 of them claimed ahead" in text
    assert text.count("Fjordlys Barnehager   xledger   ✓ succeeded") == 1
    assert "waiting" not in text


def test_text_from_the_tables_is_text() -> None:
    """Square brackets are no markup."""
    text = "\n".join(_drawn(replace(SHOT, names={"fjord": "Fjord [bold]A/S"}), 80, 24))
    assert "Fjord [bold]A/S" in text


def _drawn(shot: Snapshot, width: int, height: int) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    with console.capture() as drawn:
        console.print(screen(shot, width, height), end="")
    return drawn.get().rstrip("\n").split("\n")


def _places_of_frames(lines: list[str]) -> list[tuple[int, str]]:
    return [(number, line[0] + line[-1]) for number, line in enumerate(lines) if line[0] in "╭│╰"]
