"""What a check is, and what it works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property

from synkron.postgres.connection import Connect, Connection
from synkron.runtime import WallClock, wall_clock
from synkron.service.doctor.finding import Finding
from synkron.service.doctor.server import Server
from synkron.settings.load import Settings
from synkron.source.queries import SourceQueries


@dataclass
class Context:
    """What the checks work with, and what the first ones found for the later ones.

    ``url`` is the one that ``connect`` opens. ``faults`` are those of the settings. The check of the connection opens
    it on the ``stack``. Running workers have ``called`` the targets of these types, whatever these settings say.
    ``until`` is the event loop's time at which the current check must be done.
    """

    connect: Connect
    url: str = field(repr=False)
    settings: Settings
    environment: Mapping[str, str]
    faults: Sequence[str] = ()
    clock: WallClock = wall_clock
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    until: float = 0.0
    opened: Connection | None = None
    called: AbstractSet[str] = frozenset()
    server: Server = field(init=False)

    @property
    def connection(self) -> Connection:
        """The open connection, for the checks that need the check of it."""
        assert self.opened is not None  # noqa: S101 (that check has not failed)
        return self.opened

    @cached_property
    def source(self) -> SourceQueries:
        """The queries of the application's two tables."""
        return SourceQueries(self.settings.source)

    @property
    def is_lost(self) -> bool:
        """Whether the connection was opened, and is closed now."""
        return self.opened is not None and self.opened.is_closed()

    def drop(self) -> None:
        """Close the connection without a word to the server, which is silent."""
        if self.opened is not None:
            self.opened.terminate()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to be looked at. It is made only if none of the checks that it ``needs`` failed. ``within`` seconds."""

    name: str
    make: Callable[[Context], Awaitable[Finding | Sequence[Finding]]]
    needs: tuple[str, ...] = ()
    within: float = 5.0
