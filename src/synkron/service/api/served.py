"""What the routes work with: the pool, the settings and the parts of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from synkron.delivery.completion import Completions
from synkron.delivery.targets import Target
from synkron.postgres.connection import Connection, Pool
from synkron.runtime import process_name
from synkron.service.api.places import Places
from synkron.service.api.provider import Provider
from synkron.service.api.shared import Shared
from synkron.service.metrics.figures import Figures
from synkron.service.nouns.examination import Examination
from synkron.service.overview.freshness import Freshness
from synkron.service.tick_log import TickLog
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.signing import Signing
from synkron.source.mirror import Mirror
from synkron.source.queries import SourceQueries

HEAVY = 2


@dataclass(frozen=True, slots=True)
class Served:
    """The parts that answer requests. ``signings`` are those of the integration types, by name.

    ``url`` is that of the pool, for the doctor, which opens a connection of its own. ``heavy`` are the places for
    questions that take long, ``passwords`` those for logins: fewer than the pool has connections. ``freshness`` keeps
    the copy that integrations are sorted and searched by. ``redaction`` takes the secrets of the types out of what
    targets say. ``completions`` takes those of all requests. ``stopping`` is set when the service stops: what answers
    for long then ends.
    """

    pool: Pool
    settings: Settings
    signings: Mapping[str, Signing]
    tick_signing: Signing | None = None
    targets: Mapping[str, Target] = field(default_factory=dict)
    mirror: Mirror | None = None
    provider: Provider | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = field(default_factory=process_name)
    tick_log: TickLog = field(default_factory=TickLog)
    background: set[asyncio.Task[object]] = field(default_factory=set)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    trying_channels: asyncio.Lock = field(default_factory=asyncio.Lock)
    url: str = field(default="", repr=False)
    heavy: Places = field(default_factory=partial(Places, HEAVY))
    passwords: Places = field(default_factory=partial(Places, HEAVY))
    readiness: Shared[tuple[str, ...]] = field(default_factory=partial(Shared, 1.0))
    figures: Shared[Figures] = field(default_factory=partial(Shared, 10.0, 20.0))
    examination: Shared[Examination] = field(default_factory=partial(Shared, 10.0))
    completions: Completions = field(init=False)
    freshness: Freshness = field(init=False)
    redaction: Redaction = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "completions", Completions(self.pool, self.settings))
        object.__setattr__(self, "freshness", Freshness(self.pool.acquire, self.settings))
        object.__setattr__(self, "redaction", Redaction(signing.secret for signing in self.signings.values()))


# Coroutines, though they wait for nothing: FastAPI runs a plain function in a thread.
async def served(request: Request) -> Served:
    """The parts, of which the application has one set."""
    found: Served = request.state.served
    return found


Parts = Annotated[Served, Depends(served)]


@asynccontextmanager
async def opened(parts: Served) -> AsyncIterator[Connection]:
    """A connection of the pool; the errors of the driver are sentences."""
    async with parts.pool.acquire() as one, SourceQueries(parts.settings.source).in_words():
        yield one


async def connection(parts: Parts) -> AsyncIterator[Connection]:
    """A connection of the pool, until the route has its answer."""
    async with opened(parts) as one:
        yield one


# The connection is returned before the answer is sent: a client that reads slowly holds none.
Db = Annotated[Connection, Depends(connection, scope="function")]
