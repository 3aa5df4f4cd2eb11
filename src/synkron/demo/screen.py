"""How the demo looks: one screen, whose layout follows from the terminal's size alone, so that nothing jumps. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from rich import box
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from synkron.coming import Fire
from synkron.due import KNOWN
from synkron.history import RecordedRun, Totals
from synkron.model import InvalidIntegration

TALL = 36
WIDE = 100
VERY_WIDE = 124
PUNCTUAL = timedelta(milliseconds=250)
SECONDS_PER_FAULT = 5

STATES = {
    "claimed": ("·", "dim"),
    "running": ("»", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "yellow"),
    "retrying": ("↻", "magenta"),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to see at one moment. ``since`` is when the demo started."""

    now: datetime
    since: datetime
    place: str
    names: Mapping[str, str]
    fires: Sequence[Fire]
    runs: Sequence[RecordedRun]
    totals: Totals
    invalid: Sequence[InvalidIntegration]
    notes: Sequence[str]
    banner: str | None = None


def screen(shot: Snapshot, width: int, height: int) -> Layout:
    """The snapshot on a terminal of this size; 80 x 24 is enough, more shows more."""
    tall = height >= TALL
    fires = 8 if tall else 4
    parts = [
        Layout(_header(shot), size=1),
        Layout(_fires(shot, width, fires), size=fires + 3),
        Layout(_runs(shot, width)),
        *([Layout(_faults(shot), size=6), Layout(_notes(shot), size=6)] if tall else []),
        Layout(_totals(shot), size=1),
        *([] if tall else [Layout(_one_fault(shot), size=1)]),
        Layout(_footer(shot), size=1),
    ]
    layout = Layout()
    layout.split_column(*parts)
    return layout


def _header(shot: Snapshot) -> Table:
    line = Table.grid(expand=True, padding=(0, 2, 0, 0))
    line.add_column(no_wrap=True)
    line.add_column(justify="right", no_wrap=True, overflow="ellipsis", ratio=1)
    up = timedelta(seconds=int((shot.now - shot.since).total_seconds()))
    line.add_row(
        Text.assemble((" Synkron demo", "bold"), f"   {shot.now:%a %H:%M:%S} UTC   ", (f"up {up}", "dim")),
        Text(shot.place + " ", style="dim"),
    )
    return line


def _fires(shot: Snapshot, width: int, rows: int) -> Panel:
    table = _table()
    table.add_column("UTC", width=5)
    table.add_column("local", width=5, style="dim")
    table.add_column("in", width=8, justify="right")
    table.add_column("organization", ratio=1)
    table.add_column("type", width=8)
    table.add_column("schedule", width=16)
    if width >= WIDE:
        table.add_column("zone", width=20, style="dim")
    for fire in shot.fires[:rows]:
        row = fire.integration
        zone = [Text(str(row.timezone or "UTC"))] if width >= WIDE else []
        table.add_row(
            f"{fire.scheduled_for:%H:%M}",
            _local(fire),
            _countdown(fire.scheduled_for - shot.now),
            _organization(shot, row.org_id),
            Text(row.integration_type),
            Text(row.cron_schedule or ""),
            *zone,
        )
    first = [one for one in shot.fires if one.scheduled_for == shot.fires[0].scheduled_for]
    title = f"next: {len(first)} at {first[0].scheduled_for:%H:%M}" if first else "next: nothing within a day"
    return _panel(table, title)


def _runs(shot: Snapshot, width: int) -> Panel:
    table = _table()
    table.add_column("UTC", width=5)
    if width >= WIDE:
        table.add_column("started", width=12, style="dim")
    table.add_column("drift", width=7, justify="right")
    table.add_column("organization", ratio=3)
    table.add_column("type", width=8)
    if width >= VERY_WIDE:
        table.add_column("period", width=11, style="dim")
    table.add_column("state", width=11)
    table.add_column("try", width=3, justify="right")
    table.add_column("answer", ratio=2)
    for run in shot.runs:
        started = [f"{run.started_at:%H:%M:%S.%f}"[:12] if run.started_at else ""] if width >= WIDE else []
        period = [_period(run)] if width >= VERY_WIDE else []
        table.add_row(
            f"{run.scheduled_for:%H:%M}",
            *started,
            _drift(run.drift),
            _organization(shot, run.org_id),
            Text(run.integration_type),
            *period,
            _state(run),
            str(run.attempt or ""),
            _answer(run),
        )
    return _panel(table, "runs, the newest first")


def _faults(shot: Snapshot) -> Panel:
    lines = [Text.assemble(_subject(shot, one), f": {one.reason}") for one in shot.invalid[:4]]
    more = len(shot.invalid) - len(lines)
    title = f"{len(shot.invalid)} rows can't be fired" + (f", {more} of them not shown" if more > 0 else "")
    return _lines(lines, title)


def _one_fault(shot: Snapshot) -> Text:
    """One row that can't be fired; each has its turn."""
    if not shot.invalid:
        return Text()
    turn = int(shot.now.timestamp()) // SECONDS_PER_FAULT % len(shot.invalid)
    one = shot.invalid[turn]
    counted = f" can't be fired {turn + 1}/{len(shot.invalid)}  "
    return _cut(Text.assemble((counted, "yellow"), _subject(shot, one), f": {one.reason}"))


def _notes(shot: Snapshot) -> Panel:
    return _lines([Text(note) for note in shot.notes[-4:]], "log")


def _totals(shot: Snapshot) -> Text:
    totals = shot.totals
    return _cut(
        Text.assemble(
            f" claimed {totals.claimed:<5} ",
            *_counted("succeeded", totals.succeeded),
            *_counted("failed", totals.failed),
            *_counted("skipped", totals.skipped),
            "drift p50 ",
            _drift(totals.drift_p50),
            " p95 ",
            _drift(totals.drift_p95),
        )
    )


def _counted(state: str, number: int) -> tuple[tuple[str, str], str]:
    symbol, style = STATES[state]
    return (f"{symbol} {state} ", style if number else "dim"), f"{number:<5} "


def _footer(shot: Snapshot) -> Text:
    if shot.banner:
        return _cut(Text(f" {shot.banner}", style="bold yellow"))
    return _cut(Text(" Ctrl-C stops; in another terminal: synkron runs, synkron next, synkron check", style="dim"))


def _state(run: RecordedRun) -> Text:
    state = "retrying" if run.state == "claimed" and run.attempt else run.state
    symbol, style = STATES[state]
    return Text(f"{symbol} {'waiting' if state == 'claimed' else state}", style=style)


def _answer(run: RecordedRun) -> Text:
    if run.state == "skipped":
        return Text(run.reason, style="yellow")
    if run.error:
        return Text(run.error, style="magenta" if run.state == "claimed" else "red")
    return Text(str(run.http_status or ""), style="dim")


def _drift(drift: timedelta | None) -> Text:
    if drift is None:
        return Text("     ")
    seconds = drift.total_seconds()
    written = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s" if seconds < 600 else _countdown(drift)
    return Text(written, style="green" if drift <= PUNCTUAL else "yellow")


def _countdown(ahead: timedelta) -> str:
    seconds = ceil(ahead.total_seconds())
    if seconds < 100:
        return f"{max(seconds, 0)} s"
    if seconds < 100 * 60:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} m"


def _local(fire: Fire) -> str:
    zone = KNOWN.zone(fire.integration.timezone)
    return "" if isinstance(zone, Exception) else f"{fire.scheduled_for.astimezone(zone):%H:%M}"


def _period(run: RecordedRun) -> str:
    return f"{run.period_start:%H:%M}–{run.period_end:%H:%M}" if run.period_start else ""


def _organization(shot: Snapshot, org_id: str) -> Text:
    return Text(shot.names.get(org_id) or org_id)


def _subject(shot: Snapshot, row: InvalidIntegration) -> tuple[str, str]:
    return f"{shot.names.get(row.org_id) or row.org_id}, {row.integration_type}", "bold"


def _table() -> Table:
    return Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _lines(lines: Sequence[Text], title: str) -> Panel:
    table = Table.grid(expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(line)
    return _panel(table, title)


def _panel(content: Table, title: str) -> Panel:
    for column in content.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return Panel(content, title=title, title_align="left", border_style="dim", box=box.ROUNDED)


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
