"""The columns of the demo's two tables: the content and the width of their cells. Pure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Generic, TypeVar

from rich.style import Style
from rich.table import Table
from rich.text import Text

from synkron.cli.demo.snapshot import Snapshot
from synkron.ledger.history import RecordedRun
from synkron.source.parsed_texts import KNOWN
from synkron.source.upcoming import Upcoming
from synkron.text import printable

Row = TypeVar("Row")

NORMAL = 80  # below, a table leaves out what it would have to cut
WIDE = 100
VERY_WIDE = 124
LONGEST = 500  # more than fits into a line of any terminal
PUNCTUAL = timedelta(milliseconds=250)
STATES = {
    "claimed": ("·", "dim"),
    "retrying": ("↻", "magenta"),
    "running": ("»", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "skipped": ("–", "yellow"),
}


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: a fixed ``width``, or a ``share`` of what is left; shown on terminals from ``least`` to
    ``most`` columns wide."""

    title: str
    cell: Callable[[Row, Snapshot], Text]
    width: int | None = None
    share: int | None = None
    right: bool = False
    least: int = 0
    most: int = sys.maxsize


def table(columns: Sequence[Column[Row]], rows: Iterable[Row], shot: Snapshot, width: int) -> Table:
    """A table whose columns keep their places, whatever is in them."""
    shown = [column for column in columns if column.least <= width <= column.most]
    drawn = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in shown:
        drawn.add_column(
            column.title,
            width=column.width,
            ratio=column.share,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        drawn.add_row(*(column.cell(row, shot) for column in shown))
    return drawn


def text(words: str, style: str = "") -> Text:
    """Text from any source, made printable. Everything on the screen goes through here."""
    return Text(printable(words, LONGEST), style)


def linked(words: Text, address: str) -> Text:
    """Words to click on, where the terminal can."""
    if address:
        words.stylize(Style(link=address))
    return words


def drift(span: timedelta | None, columns: int = 0) -> Text:
    """How late a run started, in green if it was punctual."""
    if span is None:
        return text(" " * columns)
    seconds = span.total_seconds()
    written = f"{seconds * 1000:.0f} ms" if seconds < 10 else _spoken(span)
    return text(written.rjust(columns), style="green" if span <= PUNCTUAL else "yellow")


def _countdown(ahead: timedelta) -> Text:
    return text(_spoken(max(ahead, timedelta())))


def _spoken(span: timedelta) -> str:
    seconds = ceil(span.total_seconds())
    if seconds < 100:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 100 * 60 else f"{seconds // 3600} h"


def _local(fire: Upcoming) -> str:
    zone = KNOWN.zone(fire.integration.timezone)
    return "" if isinstance(zone, Exception) else f"{fire.scheduled_for.astimezone(zone):%H:%M}"


def _schedule(fire: Upcoming) -> Text:
    return text(fire.integration.cron_schedule or "")


def _meaning(fire: Upcoming) -> str:
    cron = KNOWN.expression(fire.integration.cron_schedule or "")
    zone = fire.integration.timezone or "UTC"
    return "" if isinstance(cron, Exception) else f"{cron.describe().removesuffix('.')} ({zone})"


def _state(run: RecordedRun) -> Text:
    state = "retrying" if run.state == "claimed" and run.attempt else run.state
    symbol, style = STATES[state]
    return text(f"{symbol} {'waiting' if state == 'claimed' else state}", style)


def _answer(run: RecordedRun) -> Text:
    if run.state == "skipped":
        return text(run.reason, "yellow")
    if run.error:
        return text(run.error, {"claimed": "magenta", "failed": "red"}.get(run.state, "yellow"))
    return text(str(run.http_status or ""), "dim")


def _started(run: RecordedRun) -> str:
    return f"{run.started_at:%H:%M:%S.%f}"[:-3] if run.started_at else ""


def _organization(org_id: str, shot: Snapshot) -> Text:
    return text(shot.names.get(org_id) or org_id)


def _period(run: RecordedRun) -> str:
    return f"{run.period_start:%H:%M}–{run.period_end:%H:%M}" if run.period_start else ""


FIRES: Sequence[Column[Upcoming]] = (
    Column("UTC", lambda fire, _: text(f"{fire.scheduled_for:%H:%M}"), width=5),
    Column("in", lambda fire, shot: _countdown(fire.scheduled_for - shot.now), width=6, right=True, least=NORMAL),
    Column("local", lambda fire, _: text(_local(fire), "dim"), width=5, least=NORMAL),
    Column("organization", lambda fire, shot: _organization(fire.integration.org_id, shot), width=20),
    Column("type", lambda fire, _: text(fire.integration.integration_type), width=8),
    Column("schedule", lambda fire, _: _schedule(fire), share=1, most=WIDE - 1),
    Column("schedule", lambda fire, _: _schedule(fire), width=18, least=WIDE),
    Column("which means", lambda fire, _: text(_meaning(fire), "dim"), share=1, least=WIDE),
)
RUNS: Sequence[Column[RecordedRun]] = (
    Column("UTC", lambda run, _: text(f"{run.scheduled_for:%H:%M}"), width=5),
    Column("started", lambda run, _: text(_started(run), "dim"), width=12, least=WIDE),
    Column("drift", lambda run, _: drift(run.drift), width=7, right=True),
    Column("organization", lambda run, shot: _organization(run.org_id, shot), width=20, least=NORMAL),
    Column("organization", lambda run, shot: _organization(run.org_id, shot), share=1, most=NORMAL - 1),
    Column("type", lambda run, _: text(run.integration_type), width=8),
    Column("period", lambda run, _: text(_period(run), "dim"), width=11, least=VERY_WIDE),
    Column("state", lambda run, _: _state(run), width=11, least=NORMAL),
    Column("", lambda run, _: _state(run)[:1], width=1, most=NORMAL - 1),
    Column("try", lambda run, _: text(str(run.attempt or "")), width=3, right=True, least=NORMAL),
    Column("answer", lambda run, _: _answer(run), share=1, least=NORMAL),
)
