"""What the parameters of pages may be. A field of a form that is left empty asks for everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from synkron.model import Scope
from synkron.reports.names.match import AskedScope
from synkron.service.api.access import Reader, resolved
from synkron.service.api.parameters import OrEmpty, Text
from synkron.service.api.served import Db, Parts

STORABLE = "^[^\\x00]*$"

OneType = Annotated[str, Query(alias="type", max_length=200, pattern=STORABLE)]
Author = Annotated[str, Query(max_length=200, pattern=STORABLE)]
Search = Annotated[str, Query(alias="q", max_length=200, pattern=STORABLE)]
After = Annotated[str | None, Query(max_length=4000)]
Name = Annotated[Text | None, OrEmpty]


async def whom(
    actor: Reader,
    connection: Db,
    parts: Parts,
    org: Name = None,
    integration_type: Annotated[Name, Query(alias="type")] = None,
    integration: Name = None,
) -> Scope:
    """What the fields of a form name, by ids or names. Raises NotFound and Ambiguous."""
    return (await resolved(actor, connection, parts, AskedScope(org, integration_type, integration))).scope


Whom = Annotated[Scope, Depends(whom, scope="function")]
