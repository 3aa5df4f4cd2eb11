"""What the parameters of pages may be. A field of a form that is left empty asks for everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from synkron.model import Scope
from synkron.reports.overview.cursor import LONGEST
from synkron.service.api.access import ALIASES, around, naming, whom
from synkron.service.api.parameters import LONGEST_ID, OrEmpty, Text

STORABLE = "^[^\\x00]*$"

Author = Annotated[str, Query(max_length=LONGEST_ID, pattern=STORABLE)]
Search = Annotated[str, Query(alias="q", max_length=LONGEST_ID, pattern=STORABLE)]
After = Annotated[str | None, Query(max_length=LONGEST)]
Name = Annotated[Text | None, OrEmpty]


named, named_type = naming(Name, *ALIASES), naming(Name, "integration_type")
Whom = Annotated[Scope, Depends(whom(named), scope="function")]
Around = Annotated[Scope, Depends(around(named), scope="function")]
OneType = Annotated[Scope, Depends(whom(named_type), scope="function")]
