"""The table of what operators have put in place for a while: pauses and silences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from synkron.cli.output import show
from synkron.cli.table import Field, minute

Ended = Annotated[bool, typer.Option("--ended", help="Also those that have ended.")]


def show_lasting(
    found: Sequence[Any], names: Mapping[str, str], noun: str, participle: str, *, ended: bool, as_json: bool
) -> None:
    """Show those that last, or with ``ended`` all; in JSON, each is as it was recorded."""
    fields = [
        Field("no", "id", right=True),
        Field(participle, lambda one: _by_name(one, names), wrap=True),
        Field("since (UTC)", "starts_at", optional=True),
        Field(
            "until (UTC)", lambda one: one.ended_at or one.until, lambda end: minute(end) if end else "until resumed"
        ),
        Field("reason, and who", lambda one: f"{one.reason} ({one.author})", wrap=True),
        *([Field("state", "state")] if ended else []),
    ]
    empty = f"There was never a {noun}." if ended else f"Nothing is {participle}."
    show(found, fields, as_json=as_json, empty=empty, noun=noun, names=names)


def _by_name(one: Any, names: Mapping[str, str]) -> str:  # noqa: ANN401  (a pause or a silence)
    """What it is about, with the organization's name instead of its id and name."""
    name = names.get(one.org_id or "")
    subject: str = one.subject
    return subject.replace(f"{one.org_id} ({name})", name) if name else subject
