"""The demo's screen. Its layout depends only on the size of the terminal, so that nothing moves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich import box
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from synkron.cli.demo.cells import FIRES, RUNS, STATES, WIDE, drift, table, text
from synkron.cli.demo.snapshot import Snapshot
from synkron.model import InvalidIntegration
from synkron.vendors.health import Verdict

TALL = 36
VERDICTS = {
    Verdict.HEALTHY: ("✓", "green"),
    Verdict.DEGRADED: ("~", "yellow"),
    Verdict.UNREACHABLE: ("✗", "bold red"),
    Verdict.UNAUTHORIZED: ("!", "bold red"),
    Verdict.THROTTLED: ("%", "yellow"),
    Verdict.UNKNOWN: ("·", "dim"),
}
FRAME = 3  # a panel's two borders, and its table's heading
SECONDS_PER_FAULT = 5


def screen(shot: Snapshot, width: int, height: int) -> Layout:
    """The snapshot for a terminal of this size; 80 x 24 is enough, a larger one shows more."""
    tall = height >= TALL
    coming = 8 if tall else 4
    fires = _panel(table(FIRES, shot.fires[:coming], shot, width), _title_of_fires(shot))
    above = [Layout(_header(shot), size=1), Layout(fires, size=coming + FRAME)]
    below = [
        *([Layout(_faults(shot), size=6), Layout(_notes(shot), size=6)] if tall else []),
        Layout(_totals(shot, width), size=1),
        Layout(_watched(shot), size=1),
        *([] if tall else [Layout(_one_fault(shot), size=1)]),
        Layout(_footer(shot), size=1),
    ]
    left = max(height - sum(part.size or 0 for part in above + below), FRAME + 1)
    begun = [run for run in shot.runs if run.scheduled_for <= shot.now][: left - FRAME]
    runs = _panel(table(RUNS, begun, shot, width), "runs, the newest first")
    layout = Layout()
    layout.split_column(*above, Layout(runs, size=left), *below)
    return layout


def _header(shot: Snapshot) -> Table:
    line = Table.grid(expand=True, padding=(0, 2, 0, 0))
    line.add_column(no_wrap=True)
    line.add_column(justify="right", no_wrap=True, overflow="ellipsis", ratio=1)
    up = timedelta(seconds=int((shot.now - shot.since).total_seconds()))
    line.add_row(
        Text.assemble((" Synkron demo", "bold"), f"   {shot.now:%a %H:%M:%S} UTC   ", (f"up {up}", "dim")),
        text(shot.place + " ", style="dim"),
    )
    return line


def _title_of_fires(shot: Snapshot) -> str:
    if not shot.fires:
        return "next: nothing within a day"
    moment = shot.fires[0].scheduled_for
    due = sum(one.scheduled_for == moment for one in shot.fires)
    claimed = sum(run.scheduled_for == moment and run.action == "run" for run in shot.runs)
    return f"next: {due} at {moment:%H:%M}" + (f", {claimed} of them claimed ahead" if claimed else "")


def _faults(shot: Snapshot) -> Panel:
    lines = [Text.assemble(_subject(shot, one), text(f": {one.reason}")) for one in shot.invalid[:4]]
    more = len(shot.invalid) - len(lines)
    title = f"{len(shot.invalid)} rows can't run" + (f", {more} of them not shown" if more > 0 else "")
    return _lines(lines, title)


def _one_fault(shot: Snapshot) -> Text:
    """One row that can't run; they take turns."""
    if not shot.invalid:
        return text(" ")
    turn = int(shot.now.timestamp()) // SECONDS_PER_FAULT % len(shot.invalid)
    one = shot.invalid[turn]
    counted = f" can't run {turn + 1}/{len(shot.invalid)}  "
    return _cut(Text.assemble((counted, "yellow"), _subject(shot, one), text(f": {one.reason}")))


def _notes(shot: Snapshot) -> Panel:
    return _lines([text(note) for note in shot.notes[-4:]], "log")


def _totals(shot: Snapshot, width: int) -> Text:
    totals = shot.totals
    return _cut(
        Text.assemble(
            *(f" {totals.claimed:>5} claimed " if width >= WIDE else ""),
            _counted("succeeded", totals.succeeded),
            _counted("failed", totals.failed),
            _counted("skipped", totals.skipped),
            " drift p50",
            drift(totals.drift_p50, 8),
            " p95",
            drift(totals.drift_p95, 8),
        )
    )


def _watched(shot: Snapshot) -> Text:
    """The health of the vendors, and the number of open incidents."""
    line = text(" vendors")
    for name in sorted(shot.vendors):
        symbol, style = VERDICTS[shot.vendors[name]]
        line.append(text(f"  {symbol} {name}", style))
    line.append(f"   incidents: {shot.incidents} open", "yellow" if shot.incidents else "dim")
    return _cut(line)


def _counted(state: str, number: int) -> tuple[str, str]:
    symbol, style = STATES[state]
    return f" {symbol} {number:>4} {state} ", style if number else "dim"


def _footer(shot: Snapshot) -> Text:
    if shot.banner:
        return _cut(text(f" {shot.banner}", style="bold yellow"))
    return _cut(text(" Ctrl-C stops; in another terminal: synkron runs, next, check, health, incidents", style="dim"))


def _subject(shot: Snapshot, row: InvalidIntegration) -> Text:
    return text(f"{shot.names.get(row.org_id) or row.org_id}, {row.integration_type}", "bold")


def _lines(lines: Sequence[Text], title: str) -> Panel:
    table = Table.grid(expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(line)
    return _panel(table, title)


def _panel(content: Table, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", box=box.ROUNDED)


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
