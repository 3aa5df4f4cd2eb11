"""The session that requests go out by, whoever they are for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from synkron.host import release
from synkron.targets.reading import LONGEST_HEADER, MOST_HEADERS

# Under the 5 s after which common servers drop an idle connection.
KEEP_ALIVE = 4.0


@asynccontextmanager
async def open_session(connections: int) -> AsyncIterator[ClientSession]:
    """A session with so many connections.

    It has as many as requests may be under way, as the wait for one would eat their time. It keeps no cookies, which
    one organization's answer would set for the next, and takes no password from a .netrc file.
    """
    async with ClientSession(
        connector=TCPConnector(limit=connections, keepalive_timeout=KEEP_ALIVE),
        timeout=ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": f"synkron/{release()}" if release()[0].isdecimal() else "synkron"},
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
        max_headers=MOST_HEADERS,
    ) as session:
        yield session
