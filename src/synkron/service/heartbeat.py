"""The dead man's ping: Synkron pings an outside service after each good tick. Without pings, the service alerts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import ClientSession
from pydantic import SecretStr
from yarl import URL

from synkron.http import failure, open_session, refusal
from synkron.runtime import SteadyClock, log
from synkron.settings.addresses import exact_url
from synkron.settings.secrets import fault

TIMEOUT = timedelta(seconds=10)
# About once a minute. Ticks come about every half minute: with a whole minute, a ping would often have to wait for one
# tick more.
AT_MOST_EVERY = 55.0


class DeadMan:
    """Sends pings beside the ticks, which never wait for it: in one task, one request at a time, never raising.

    ``succeeded`` and ``failed`` only say what is to be sent. The same is sent about once a minute at most; a success
    after a failure, or a failure after a success, at once. What has no URL is not sent.
    """

    def __init__(self, success: URL | None, failure: URL | None, session: ClientSession, clock: SteadyClock) -> None:
        self._success = success
        self._failure = failure
        self._session = session
        self._clock = clock
        self._last: URL | None = None
        self._last_at = float("-inf")
        self._next: URL | None = None
        self._task: asyncio.Task[None] | None = None
        self._failing: set[URL] = set()

    def succeeded(self) -> None:
        """A tick has ended well."""
        self._ping(self._success)

    def failed(self) -> None:
        """A tick could not be done."""
        self._ping(self._failure)

    async def close(self) -> None:
        """Send nothing more, not even what is under way."""
        self._next = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _ping(self, url: URL | None) -> None:
        if url is None or (url == self._last and self._clock() - self._last_at < AT_MOST_EVERY):
            return
        # One that still waits is out of date, and is not sent.
        self._last, self._last_at, self._next = url, self._clock(), url
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._next is not None:
            url, self._next = self._next, None
            self._note(url, await self._send(url))

    async def _send(self, url: URL) -> str | None:
        """Why it was not taken, in words that do not show the URL; None when it was."""
        try:
            async with (
                asyncio.timeout(TIMEOUT.total_seconds()),
                self._session.get(url, allow_redirects=False) as response,
            ):
                return refusal(response.status, url.host_port_subcomponent or "")
        except Exception as error:  # noqa: BLE001 - nothing that the far side does may stop a tick
            return failure(error, url.host_port_subcomponent or "", TIMEOUT)

    def _note(self, url: URL, error: str | None) -> None:
        """Log the first of several failures, and that it works again."""
        host = url.host_port_subcomponent
        if error is not None and url not in self._failing:
            log.warning("dead man's ping failed", host=host, reason=error)
            self._failing.add(url)
        elif error is None and url in self._failing:
            log.info("dead man's ping works again", host=host)
            self._failing.remove(url)


@asynccontextmanager
async def open_dead_man(
    success: SecretStr | None, clock: SteadyClock, *, failure: SecretStr | None = None
) -> AsyncIterator[DeadMan]:
    """The ping to the URLs of a good and of a failed tick, closed at the end. Raises SettingsError."""
    urls = _address("heartbeat_url", success), _address("heartbeat_failure_url", failure)
    async with open_session(1) as session:
        dead_man = DeadMan(*urls, session, clock)
        try:
            yield dead_man
        finally:
            await dead_man.close()


def _address(key: str, url: SecretStr | None) -> URL | None:
    try:
        return None if url is None else exact_url(url.get_secret_value())
    except ValueError:
        raise fault(key, "this is not an address; copy it again from the service's page") from None
