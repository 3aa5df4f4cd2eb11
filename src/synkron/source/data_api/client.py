"""A project's Data API as a source, asked by Synkron's own HTTP client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache
from re import fullmatch

from aiohttp import ClientError, ClientResponse, ClientSession

from synkron.http import failure, open_session, retry_after
from synkron.runtime import log, wall_clock
from synkron.settings.sections import SourceTables
from synkron.settings.supabase import KeyKind
from synkron.shortage import Shortage
from synkron.source.data_api.key import LEGACY_WARNING, SHOWN, check_key, headers_of, hiding
from synkron.source.data_api.pages import Page, page_of, unusable
from synkron.source.data_api.project import place_of, rest_address
from synkron.source.data_api.read import PAUSES, TIMEOUT, Ask, NotReached
from synkron.source.data_api.refusal import error_of, refusal_in
from synkron.source.data_api.select import Select

# A page of rows whose texts are all far too long to be valid still fits.
LONGEST_NUMBER = 100  # digits
LONGEST_ANSWER = 64 * 1024 * 1024


# requirement R11, R13
class DataApi:
    """A Supabase project's Data API, read with its service role's key.

    ``url`` is the project's URL, ``key`` its secret key (``sb_secret_...``), or a legacy ``service_role`` key, of which
    one warning is logged. Both are checked here, before any request. Raises SettingsError if one of them is malformed,
    ServiceRoleRequired if the key belongs to anybody but the service role.
    """

    def __init__(self, url: str, key: str) -> None:
        self._address = rest_address(url)
        self._key = key
        self.place = place_of(self._address)
        self.check()
        self._hide = hiding(key)

    def __repr__(self) -> str:
        return f"DataApi({str(self._address.origin())!r}, {self._key[:SHOWN]!r}...)"

    def check(self) -> KeyKind:
        """The kind of the key, which may have expired meanwhile. Raises ServiceRoleRequired."""
        return checked(self._key, self.place)

    @asynccontextmanager
    async def opened(self, tables: SourceTables) -> AsyncIterator[Ask]:
        """What sends requests, for as long as one read takes."""
        own = {"Accept": "application/json", "Accept-Encoding": "identity", "Prefer": "count=exact"}
        headers = own | {"Accept-Profile": tables.schema_name} | headers_of(self._key, self.check())
        async with open_session(1) as session:

            async def ask(select: Select) -> Page:
                return await self._ask(session, headers, select, tables)

            yield ask

    async def _ask(
        self, session: ClientSession, headers: Mapping[str, str], select: Select, tables: SourceTables
    ) -> Page:
        try:
            async with (
                asyncio.timeout(TIMEOUT.total_seconds()),
                session.get(
                    self._address / select.table, params=select.parameters(), headers=headers, allow_redirects=False
                ) as response,
            ):
                content = await self._content(response)
        except (Shortage, ClientError, OSError) as error:
            raise NotReached(failure(error, self.place, TIMEOUT)) from None
        if response.status in (200, 206):
            return page_of(content, _counted(response.headers), self.place, self._hide)
        refusal = refusal_in(response.status, content).without_secrets(self._hide)
        if refusal.is_passing:
            raise NotReached(
                f"{self.place} is not available: {refusal.said}", retry_after(response.headers, PAUSES[-1])
            )
        raise error_of(refusal, self.place, tables)

    async def _content(self, response: ClientResponse) -> object:
        """The JSON of the answer; None if it is none."""
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > LONGEST_ANSWER:
                raise unusable(self.place, f"gave an answer of more than {LONGEST_ANSWER >> 20} MB")
        try:
            content: object = json.loads(bytes(body), parse_float=Decimal, parse_int=_number)
        except (ValueError, RecursionError):
            return None
        return content


def checked(key: str, place: str) -> KeyKind:
    """The kind of the key. A legacy key costs one warning for each project in the life of the process."""
    kind = check_key(key, wall_clock())
    if kind is KeyKind.JWT:
        _warn_of_legacy_key(place)
    return kind


@cache
def _warn_of_legacy_key(place: str) -> None:
    log.warning("legacy key", place=place, reason=LEGACY_WARNING)


def _number(text: str) -> int | Decimal:
    """A whole number; Python refuses to make an ``int`` of thousands of digits."""
    return int(text) if len(text) <= LONGEST_NUMBER else Decimal(text)


def _counted(headers: Mapping[str, str]) -> int | None:
    """The number of rows in ``Content-Range: 0-999/2500``."""
    found = fullmatch(r"(?:\d+-\d+|\*)/(\d{1,18})", headers.get("Content-Range", ""))
    return int(found[1]) if found else None
