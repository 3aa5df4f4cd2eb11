"""The demo's screen. Its layout depends only on the size of the terminal, so that nothing moves. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from rich import box
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from synkron.cli.demo.cells import FIRES, NORMAL, RUNS, STATES, WIDE, drift, linked, table, text
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
SECONDS_PER_TURN = 5
MARGIN = 4  # a panel's borders, and the space within them


def screen(shot: Snapshot, width: int, height: int) -> Layout:
    """The snapshot for a terminal of this size; 80 x 24 is enough, a larger one shows more, a narrower one less."""
    tall = height >= TALL
    coming = 8 if tall else 4
    fires = _panel(table(FIRES, shot.fires[:coming], shot, width), _title_of_fires(shot))
    above = [Layout(_header(shot, width), size=1), Layout(fires, size=coming + FRAME)]
    below = [
        *([Layout(_wrongs(shot), size=6), Layout(_notes(shot), size=6)] if tall else []),
        Layout(_totals(shot, width), size=1),
        Layout(_watched(shot, width), size=1),
        *([] if tall else [Layout(_one_wrong(shot), size=1)]),
        Layout(_footer(shot, width), size=1),
    ]
    left = max(height - sum(part.size or 0 for part in above + below), FRAME + 1)
    begun = [run for run in shot.runs if run.scheduled_for <= shot.now][: left - FRAME]
    runs = _panel(table(RUNS, begun, shot, width), _title_of_runs(shot, width))
    layout = Layout()
    if shot.asks_for_help:
        layout.split_column(Layout(_header(shot, width), size=1), _help(shot, width))
    else:
        layout.split_column(*above, Layout(runs, size=left), *below)
    return layout


def _header(shot: Snapshot, width: int) -> Table:
    line = Table.grid(expand=True, padding=(0, 2, 0, 0))
    line.add_column(no_wrap=True)
    line.add_column(justify="right", no_wrap=True, overflow="ellipsis", ratio=1)
    up = timedelta(seconds=int((shot.now - shot.since).total_seconds()))
    line.add_row(
        Text.assemble((" Synkron demo", "bold"), f"   {shot.now:%a %H:%M:%S} UTC   ", (f"up {up}", "dim")),
        text(f"{shot.place} " if width >= NORMAL else "", style="dim"),
    )
    return line


def _title_of_fires(shot: Snapshot) -> str:
    if not shot.fires:
        return "next: nothing within a day"
    moment = shot.fires[0].scheduled_for
    due = sum(one.scheduled_for == moment for one in shot.fires)
    claimed = sum(run.scheduled_for == moment and run.action == "run" for run in shot.runs)
    return f"next: {due} at {moment:%H:%M}" + (f", {claimed} of them claimed ahead" if claimed else "")


def _title_of_runs(shot: Snapshot, width: int) -> str:
    caught = shot.totals.caught_up
    if not caught:
        return "runs, the newest first"
    if width < NORMAL:
        return f"runs; {caught} caught up, not in p50 and p95"
    return f"runs, the newest first; {caught} of missed or held moments, not in p50 and p95"


def _wrong(shot: Snapshot) -> list[Text]:
    """The open incidents, and the rows that can't run and have no incident yet: a line each."""
    subjects = {one.condition.subject for one in shot.incidents}
    lines = [text(f"incident {one.id}: {one.condition.title}") for one in shot.incidents]
    rows = [one for one in shot.invalid if not subjects & {one.integration_id, f"organization {one.org_id}"}]
    return lines + [Text.assemble(_subject(shot, one), text(f" can't run: {one.reason}")) for one in rows]


def _turn(shot: Snapshot, pages: int) -> int:
    return int(shot.now.timestamp()) // SECONDS_PER_TURN % pages


def _wrongs(shot: Snapshot) -> Panel:
    """What is wrong, four lines at a time."""
    lines = _wrong(shot)
    pages = max(1, ceil(len(lines) / 4))
    first = 4 * _turn(shot, pages)
    shown = f", {first + 1} to {min(first + 4, len(lines))}" if pages > 1 else ""
    return _lines(
        lines[first : first + 4], f"{len(shot.incidents)} incidents open, {len(shot.invalid)} rows can't run{shown}"
    )


def _one_wrong(shot: Snapshot) -> Text:
    """One thing that is wrong; they take turns."""
    lines = _wrong(shot)
    if not lines:
        return text(" ")
    turn = _turn(shot, len(lines))
    return _cut(Text.assemble((f" {turn + 1}/{len(lines)}  ", "yellow"), lines[turn]))


def _notes(shot: Snapshot) -> Panel:
    return _lines([text(note) for note in shot.notes[-4:]], "log")


def _totals(shot: Snapshot, width: int) -> Text:
    totals = shot.totals
    narrow = width < NORMAL
    return _cut(
        Text.assemble(
            *(f" {totals.claimed:>5} claimed " if width >= WIDE else ""),
            _counted("succeeded", totals.succeeded, narrow=narrow),
            _counted("failed", totals.failed, narrow=narrow),
            _counted("skipped", totals.skipped, narrow=narrow),
            "" if narrow else " drift",
            " p50",
            drift(totals.drift_p50, 8),
            " p95",
            drift(totals.drift_p95, 8),
        )
    )


def _watched(shot: Snapshot, width: int) -> Text:
    """The health of the vendors, and the number of open incidents."""
    line = text(" vendors" if width >= NORMAL else "")
    for name in sorted(shot.vendors):
        symbol, style = VERDICTS[shot.vendors[name]]
        line.append(text(f"  {symbol} {name}", style))
    count = len(shot.incidents)
    line.append(f"   incidents: {count} open", "yellow" if count else "dim")
    return _cut(line)


def _counted(state: str, number: int, *, narrow: bool) -> tuple[str, str]:
    symbol, style = STATES[state]
    return f" {symbol} {number:>4} {'' if narrow else f'{state} '}", style if number else "dim"


def _footer(shot: Snapshot, width: int) -> Text:
    if shot.banner:
        return _cut(text(f" {shot.banner}", style="bold yellow"))
    if shot.dashboard and (link := f" Dashboard: {shot.dashboard}") and len(link) <= width:
        return _cut(linked(text(link), shot.dashboard))
    if shot.dashboard:
        words = " Any key shows the way to the dashboard, and help. Ctrl-C stops."
        return _cut(linked(text(words, style="dim"), shot.dashboard))
    if failed := _failed(shot):
        retry = f"synkron runs retry {failed}"
        words = (
            f" Any key: help. Ctrl-C stops. Try it elsewhere: {retry}"
            if width >= NORMAL
            else f" Any key: help. Try: {retry}"
        )
        return _cut(text(words, style="dim"))
    return _cut(text(" Any key shows help. Ctrl-C stops.", style="dim"))


def _failed(shot: Snapshot) -> int | None:
    """The newest run that has failed for good."""
    return next((run.id for run in shot.runs if run.state == "failed"), None)


def _help(shot: Snapshot, width: int) -> Panel:
    failed = _failed(shot)
    retry = f"synkron runs retry {failed}" if failed else "synkron runs retry NUMBER"
    lines = [
        ("Any key", "goes back"),
        ("Ctrl-C", "stops; twice: at once"),
        ("", ""),
        ("drift", "actual less scheduled start"),
        ("p50, p95", "of runs due since the start"),
        ("try", "attempt: 1 in 25 is retried"),
        ("", ""),
        ("In another terminal:", f"export SYNKRON_DATA_DIR={shot.place}"),
        (retry, "what failed for good, again"),
        ("synkron runs", "what came of each moment"),
        ("synkron status", "whether all is well"),
        ("synkron incidents", "what is wrong, what to do"),
        ("synkron health", "how the vendors are"),
        ("synkron check", "the rows that can't run"),
        ("synkron next", "what comes"),
        ("synkron login", "a link to the dashboard"),
        ("synkron --help", "everything else"),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, meaning in lines:
        table.add_row(text(what, "bold"), text(meaning))
    return _panel(Group(*_way_to(shot.dashboard, width - MARGIN), table), "help")


def _way_to(dashboard: str, room: int) -> list[Text]:
    """The link, whole: one that is folded can't be copied. Where it does not fit, what prints one."""
    if not dashboard:
        return []
    # A browser adds the scheme.
    fitting = [one for one in (dashboard, dashboard.removeprefix("http://")) if len(one) <= room]
    if not fitting:
        return [_cut(linked(text("Dashboard: `synkron login` prints a link to it."), dashboard)), text(" ")]
    return [
        text("Dashboard: this link logs you in, once", "bold"),
        _cut(linked(text(fitting[0]), dashboard)),
        text(" "),
    ]


def _subject(shot: Snapshot, row: InvalidIntegration) -> Text:
    return text(f"{shot.names.get(row.org_id) or row.org_id}, {row.integration_type}", "bold")


def _lines(lines: Sequence[Text], title: str) -> Panel:
    table = Table.grid(expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for line in lines:
        table.add_row(line)
    return _panel(table, title)


def _panel(content: RenderableType, title: str) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="dim", box=box.ROUNDED)


def _cut(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line
