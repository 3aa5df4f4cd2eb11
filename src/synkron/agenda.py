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
from synkron.standing import Released, note_held, read_pauses, read_policies, read_released, read_sight, release


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
    """Read it, in the caller's secured transaction. What is replayed is not held by a pause, nor released from one."""
    source = settings.source
    sight = await read_sight(connection, source)
    read = await read_window(connection, window, source, settings.types)
    pauses = [] if replayed else await read_pauses(connection, now, source)
    released = [] if replayed else await read_released(connection, now, source)
    due = {one.integration.integration_id: one for one in read.due}
    invalid = list(read.invalid)
    freed = []
    for one in released:
        judged = judge(one.integration, Window(one.since, window.end), settings.types)
        if isinstance(judged, InvalidIntegration):
            invalid.append(judged)
            continue
        freed.append(one)
        if judged.moments:
            due[one.integration.integration_id] = judged
    free, held = hold(due.values(), pauses, now)
    policies = await read_policies(connection, settings.policies, [one.integration for one in free], source)
    return Agenda(free, held, freed, invalid, policies, sight)


async def settle(connection: Connection, agenda: Agenda, source: SourceTables) -> None:
    """Write down who is held from when on, and forget those whose moments the caller's transaction decides."""
    await release(connection, agenda.released, source)
    await note_held(connection, agenda.held, source)
