"""Questions that take seconds: few at once, so that they leave connections for the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends

from synkron.service.api.problem import Problem
from synkron.service.api.served import Parts


async def few(parts: Parts) -> AsyncIterator[None]:
    """One of the few places for such a question. Raises a Problem (503) where all are taken."""
    if parts.heavy.locked():
        raise Problem(503, "several questions that take long are being answered; try again", {"Retry-After": "2"})
    async with parts.heavy:
        yield


Heavy = Annotated[None, Depends(few, scope="function")]
