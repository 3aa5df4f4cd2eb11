"""What the parameters of pages may be. A field of a form that is left empty asks for everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Query
from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from synkron.model import Scope
from synkron.reports.names.match import AskedScope, Candidate, nearest
from synkron.reports.overview.cursor import LONGEST
from synkron.service.api.access import Asking, resolved, whom
from synkron.service.api.parameters import LONGEST_ID, OrEmpty, Text
from synkron.service.api.problem import Problem
from synkron.service.api.served import Db, Parts

STORABLE = "^[^\\x00]*$"

Author = Annotated[str, Query(max_length=LONGEST_ID, pattern=STORABLE)]
Search = Annotated[str, Query(alias="q", max_length=LONGEST_ID, pattern=STORABLE)]
After = Annotated[str | None, Query(max_length=LONGEST)]
Name = Annotated[Text | None, OrEmpty]


async def named(
    org: Name = None,
    integration_type: Annotated[Name, Query(alias="type")] = None,
    integration: Name = None,
) -> AskedScope:
    """What the fields of a form name, by ids or names."""
    return AskedScope(org, integration_type, integration)


Whom = Annotated[Scope, Depends(whom(named), scope="function")]


async def around(connection: Db, parts: Parts, actor: Asking, asked: Annotated[AskedScope, Depends(named)]) -> Scope:
    """The scope, with the organization and the type of an integration, as far as they are known."""
    return (await resolved(actor, connection, parts, asked)).around


Around = Annotated[Scope, Depends(around, scope="function")]


async def named_type(
    connection: Db,
    parts: Parts,
    actor: Asking,
    text: Annotated[str, Query(alias="type", max_length=LONGEST_ID, pattern=STORABLE)] = "",
) -> str:
    """The type that a page is limited to, by its name or a part of it; nothing for all.

    Raises NotFound and Ambiguous.
    """
    if not text:
        return ""
    found = await resolved(actor, connection, parts, AskedScope(integration_type=text))
    return found.scope.integration_type or ""


OneType = Annotated[str, Depends(named_type, scope="function")]


async def only_known(request: Request, _: Asking) -> None:
    """Raise a Problem (422) for a parameter that the page does not have: it would be taken for a filter that holds.

    Who asks comes first: who is not logged in is sent to do so, and others see the problem on a page of theirs.
    """
    known = sorted(set(_parameters(request.scope["route"].dependant)))
    for name in request.query_params:
        if name not in known:
            near = nearest(name, [Candidate(one, one) for one in known])
            advice = f"Did you mean {near[0].id}?" if near else f"Known are {', '.join(known) or 'none'}."
            raise Problem(422, f'There is no parameter "{name}" here. {advice}')


def _parameters(of: Dependant) -> Iterator[str]:
    yield from (one.alias for one in of.query_params)
    for one in of.dependencies:
        yield from _parameters(one)
