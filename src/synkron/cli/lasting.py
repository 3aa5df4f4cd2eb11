"""The table of what operators have put in place for a while: pauses and silences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from synkron.cli.output import minute, say, show_json, show_table
from synkron.cli.table import Column


class Lasting(Protocol):
    """What lasts from a moment on, maybe up to another. ``state`` is for those who see the ended ones too."""

    @property
    def id(self) -> int: ...
    @property
    def subject(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def state(self) -> str: ...


def show_lasting(found: Sequence[Lasting], noun: str, participle: str, *, ended: bool, as_json: bool) -> None:
    """Show those that last, or with ``ended`` all."""
    if as_json:
        show_json(found)
    elif found:
        columns = [
            Column("no", right=True),
            Column(participle, wrap=True),
            Column("since (UTC)", optional=True),
            Column("until (UTC)"),
            Column("reason, and who", wrap=True),
            *([Column("state")] if ended else []),
        ]
        show_table(columns, [_cells(one)[: len(columns)] for one in found])
    else:
        say(f"There was never a {noun}." if ended else f"Nothing is {participle}.")


def _cells(one: Lasting) -> list[str]:
    end = one.ended_at or one.until
    return [
        str(one.id),
        one.subject,
        minute(one.starts_at),
        minute(end) if end else "until resumed",
        f"{one.reason} ({one.author})",
        one.state,
    ]
