"""What a tick has to decide: what is due, what a pause has released, and what holds for it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from synkron.database import Connection
from synkron.due import judge
from synkron.ledger import Read
from synkron.model import InvalidIntegration, Occurrences, Policies, Window
from synkron.paused import hold
from synkron.reader import read_window
from synkron.settings import Settings, SourceTables
from synkron.standing import (
    Released,
    note_held,
    read_held,
    read_pauses,
    read_policies,
    read_released,
    read_sight,
    release,
)


@dataclass(frozen=True, slots=True)
class Agenda:
    """``due`` is to be decided under ``policies``; ``held`` is paused and is not. ``released`` was, and is due now."""

    due: list[Occurrences]
    held: list[Occurrences]
    released: list[Released]
    invalid: list[InvalidIntegration]
    policies: Policies
    sight: str

    @property
    def figures(self) -> Read:
        """What the tick's own row says of it."""
        return Read(sum(len(one.moments) for one in (*self.due, *self.held)), len(self.invalid), self.sight)

    def first(self, window: Window) -> datetime:
        """From when on the ledger needs room."""
        return min([window.start, *(one.since for one in self.released)])


async def read_agenda(
    connection: Connection, window: Window, settings: Settings, now: datetime, *, oldest: datetime, replayed: bool
) -> Agenda:
    """Read it, in the caller's secured transaction. Nothing before ``oldest`` is decided any more.

    What is undecided since a pause began is decided all at once when no pause holds it any more, as the catch-up run
    is to cover it: not a part of it ahead of that, nor by a replay.
    """
    source = settings.source
    sight = await read_sight(connection, source)
    read = await read_window(connection, window, source, settings.types)
    ended = [] if replayed else await read_released(connection, now, oldest, source)
    released, after_pauses, invalid = _judge_released(ended, window.end, settings.types)
    due = {one.integration.integration_id: one for one in read.due} | after_pauses
    undecided = await read_held(connection, due, source) - after_pauses.keys()
    pauses = [] if replayed else await read_pauses(connection, now, source)
    free, held = hold((one for key, one in due.items() if key not in undecided), pauses, now)
    held += [due[key] for key in undecided]
    policies = await read_policies(connection, settings.policies, [one.integration for one in free], source)
    return Agenda(free, held, released, [*read.invalid, *invalid], policies, sight)


def _judge_released(
    ended: Iterable[Released], end: datetime, types: Container[str]
) -> tuple[list[Released], dict[str, Occurrences], list[InvalidIntegration]]:
    """The rows whose pause has ended, what they missed meanwhile, and the rows that stay held as they are faulty."""
    released: list[Released] = []
    due: dict[str, Occurrences] = {}
    invalid: list[InvalidIntegration] = []
    for one in ended:
        judged = judge(one.integration, Window(one.since, end), types)
        if isinstance(judged, InvalidIntegration):
            invalid.append(judged)
            continue
        released.append(one)
        if judged.moments:
            due[one.integration.integration_id] = judged
    return released, due, invalid


async def settle(connection: Connection, agenda: Agenda, source: SourceTables) -> None:
    """Write down who is held from when on, and forget those whose moments the caller's transaction decides."""
    await release(connection, agenda.released, source)
    await note_held(connection, agenda.held, source)
