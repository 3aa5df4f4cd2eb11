"""Reads all rows of a select, page after page. What asks is given: Synkron's own session, or a Supabase client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

from synkron.errors import DatabaseNotReady
from synkron.runtime import log, sleep
from synkron.source.data_api.pages import Page, Pages, Row, capitalized
from synkron.source.data_api.select import Select

# An answer may take this long, and after each failure but the last there is one of these pauses.
TIMEOUT = timedelta(seconds=30)
PAUSES: Sequence[timedelta] = (timedelta(seconds=0.5), timedelta(seconds=2))


class NotReached(Exception):
    """No answer came, or it was 503: the request may be sent again. ``wait`` is what the server asks for."""

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


Ask: TypeAlias = Callable[[Select], Awaitable[Page]]
"""Sends one request. Raises NotReached, or a SynkronError that is final."""


async def read_whole(ask: Ask, select: Select, place: str) -> list[Row]:
    """All rows, in the order of their keys. Raises DataApiError rather than return some of them.

    The pages are not one snapshot: a row that is edited during the read is read before or after the edit.
    """
    pages = Pages(place)
    page = select
    while pages.add(await _patiently(ask, page)):
        page = select.after(pages.last)
    return pages.rows


async def _patiently(ask: Ask, select: Select) -> Page:
    for pause in PAUSES:
        try:
            return await ask(select)
        except NotReached as error:
            log.info("request to the Data API repeated", reason=str(error))
            await sleep(max(pause, min(error.wait or pause, PAUSES[-1])).total_seconds())
    try:
        return await ask(select)
    except NotReached as error:
        reason = f"{capitalized(str(error))} (asked {len(PAUSES) + 1} times)"
        raise DatabaseNotReady(f"{reason}. Nothing of this read is used.") from None
