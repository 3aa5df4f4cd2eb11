"""What the parameters of pages may be. A field of a form that is left empty asks for everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from synkron.model import Scope
from synkron.reports.names.match import AskedScope
from synkron.reports.overview.cursor import LONGEST
from synkron.service.api.access import Asking, resolved, whom
from synkron.service.api.parameters import LONGEST_ID, OrEmpty, Text
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
