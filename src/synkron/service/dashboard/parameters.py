"""What the parameters of pages may be. A field of a form that is left empty asks for everything."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

STORABLE = "^[^\\x00]*$"

OneType = Annotated[str, Query(alias="type", max_length=200, pattern=STORABLE)]
Author = Annotated[str, Query(max_length=200, pattern=STORABLE)]
Search = Annotated[str, Query(alias="q", max_length=200, pattern=STORABLE)]
After = Annotated[str | None, Query(max_length=4000)]
