"""What a tick has to decide: what is due, what a pause has released, and what holds for it."""

from __future__ import annotations

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
    connection: Connection, window: Window, settings: Settings, now: datetime, *, replayed: bool
) -> Agenda:
    """Read it, in the caller's secured transaction. A replay leaves to the end of a pause what is held until then."""
    source = settings.source
    sight = await read_sight(connection, source)
    read = await read_window(connection, window, source, settings.types)
    if replayed:
        undecided = await read_held(connection, source)
        due = [one for one in read.due if one.integration.integration_id not in undecided]
        return Agenda(due, [], [], read.invalid, await _policies(connection, due, settings), sight)
    released, after_pauses, invalid = await _read_after_pauses(connection, window, settings, now)
    in_window = {one.integration.integration_id: one for one in read.due}
    due, held = hold((in_window | after_pauses).values(), await read_pauses(connection, now, source), now)
    policies = await _policies(connection, due, settings)
    return Agenda(due, held, released, [*read.invalid, *invalid], policies, sight)


async def _policies(connection: Connection, due: list[Occurrences], settings: Settings) -> Policies:
    return await read_policies(connection, settings.policies, [one.integration for one in due], settings.source)


async def _read_after_pauses(
    connection: Connection, window: Window, settings: Settings, now: datetime
) -> tuple[list[Released], dict[str, Occurrences], list[InvalidIntegration]]:
    """The rows whose pause has ended, what they missed meanwhile, and the rows that stay held as they are faulty."""
    released: list[Released] = []
    due: dict[str, Occurrences] = {}
    invalid: list[InvalidIntegration] = []
    for one in await read_released(connection, now, settings.source):
        judged = judge(one.integration, Window(one.since, window.end), settings.types)
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
