"""A request that changes something: what it would do, or that it is done once, and who asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from synkron.operations.access.actor import Actor
from synkron.operations.access.answers import Answer, answer_once
from synkron.operations.scope import read_names
from synkron.operations.transaction import read_transaction, write_transaction
from synkron.postgres.connection import Connection
from synkron.service.api.access import Asking, organization_of
from synkron.service.api.deadline import LONG, may_take
from synkron.service.api.parameters import KEY, twice
from synkron.service.api.served import Db, Parts, Served
from synkron.service.forms import in_json, organizations_in

Plan = TypeVar("Plan")
Done = TypeVar("Done")
DryRun = Annotated[bool, Query(description="Say what would happen, and change nothing.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=KEY,
        description="A text of your own, new for each change. A request that comes again with it changes nothing more.",
    ),
]


@dataclass(frozen=True, slots=True)
class RequestedChange:
    """Who asks for a change, and how. Nothing is changed in a dry run; with a ``key``, it is changed once."""

    request: Request
    actor: Actor
    connection: Connection
    parts: Served
    dry_run: bool
    key: str | None

    def organization(self, asked: str | None) -> str | None:
        """The organization that is meant, as far as the actor may know of it. See ``organization_of``."""
        return organization_of(self.actor, self.parts.settings, asked)

    async def answer(
        self,
        plan: Callable[[datetime], Awaitable[Plan]],
        do: Callable[[], Awaitable[Done]],
        form: Callable[[Plan, Done | None], Mapping[str, object]],
        *,
        shown_once: str | None = None,
    ) -> Response:
        """The plan in a dry run; else the plan and what was done, in one transaction with the answer that is kept.

        The member that is ``shown_once`` is a secret: it is not kept, and null where the request comes again.
        """
        if self.dry_run:
            async with read_transaction(self.connection) as now:
                content = await self._content(form(await plan(now), None))
            return respond(Answer(200, content))

        async def done() -> Answer:
            async with write_transaction(self.connection) as now:
                planned = await plan(now)
                found = form(planned, await do())
                kept = await self._content({**found, shown_once: None}) if shown_once else None
                return Answer(200, await self._content(found), kept)

        return await self.once(done)

    async def once(self, do: Callable[[], Awaitable[Answer]]) -> Response:
        """What ``do`` answers, or answered to the same request before."""
        if self.key is None:
            return respond(await do())
        asked = f"{self.request.method} {self.request.url.path}"
        body, actor = await self.request.body(), self.actor
        found = await answer_once(self.connection, actor.name, self.key, asked, body, do, within=actor.org_id)
        return respond(found)

    async def _content(self, found: Mapping[str, object]) -> str:
        """The answer in JSON, with the name of each organization beside its id."""
        answer = {"dry_run": self.dry_run, **found}
        org_ids = organizations_in(answer)
        names = await read_names(self.connection, self.parts.settings, org_ids) if org_ids else {}
        return in_json(answer, names)


async def requested(
    request: Request,
    actor: Asking,
    connection: Db,
    parts: Parts,
    dry_run: DryRun = False,
    key: Key = None,
) -> RequestedChange:
    """The change that this request asks for. It may wait half a minute for a tick or another change to end.

    Raises RequestValidationError where the key comes twice.
    """
    if len(request.headers.getlist("Idempotency-Key")) > 1:
        raise twice("header", "Idempotency-Key")
    may_take(request, LONG)
    return RequestedChange(request, actor, connection, parts, dry_run, key)


Change = Annotated[RequestedChange, Depends(requested, scope="function")]


def respond(answer: Answer) -> Response:
    """The answer over HTTP."""
    return Response(answer.body, answer.status, media_type="application/json")
