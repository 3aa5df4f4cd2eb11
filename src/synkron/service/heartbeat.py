"""The dead man's ping: Synkron pings an outside service after each good tick. Without pings, the service alerts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from aiohttp import ClientSession
from pydantic import SecretStr

from synkron.http.answer import failure, refusal
from synkron.http.session import open_session
from synkron.log import log
from synkron.runtime import SteadyClock
from synkron.settings.addresses import exact_url
from synkron.settings.secrets import fault

TIMEOUT = timedelta(seconds=10)
# About once a minute. Ticks come about every half minute: with a whole minute, a ping would often have to wait for one
# tick more.
AT_MOST_EVERY = 55.0

CRONITOR_STATES = {"run", "complete", "fail", "ok"}

# The statuses of a service that has no address for a start.
NO_SUCH_FORM = (404, 405, 410)


@dataclass(frozen=True, slots=True)
class Forms:
    """The URLs for a tick that starts, succeeds or fails. ``start`` is None if the service has none."""

    start: str | None = field(repr=False)
    success: str = field(repr=False)
    fail: str = field(repr=False)


def forms(url: str) -> Forms:
    """The forms of the service to which the URL belongs, recognized by the URL.

    ``status=up`` in the query means an Uptime Kuma push monitor, ``state=`` a Cronitor telemetry URL. Any other URL is
    treated like one of Healthchecks, which appends ``/start`` and ``/fail`` to the path.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if query.get("status") == "up":
        return Forms(None, url, _with(url, status="down", msg="a+tick+failed"))
    if query.get("state") in CRONITOR_STATES:
        return Forms(*(_with(url, state=state) for state in ("run", "complete", "fail")))
    path = parts.path.rstrip("/")
    return Forms(urlunsplit(parts._replace(path=f"{path}/start")), url, urlunsplit(parts._replace(path=f"{path}/fail")))


class DeadMan:
    """Sends pings beside the ticks, which never wait for it: in one task, one request at a time, never raising.

    ``started``, ``succeeded`` and ``failed`` only note what to send. The same ping is sent at most about once a minute;
    a success after a failure, or a failure after a success, is sent at once. Without a URL nothing is sent.
    """

    def __init__(self, url: str | None, session: ClientSession, clock: SteadyClock) -> None:
        self._forms = None if url is None else forms(url)
        self._place = "" if url is None else exact_url(url).host_port_subcomponent or ""
        self._session = session
        self._clock = clock
        self._sent_at: dict[str, float] = {}
        self._result = ""
        self._waiting: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self._knows_start = True

    def started(self) -> None:
        """Note that a tick begins."""
        start = None if self._forms is None else self._forms.start
        if start is not None and self._knows_start and self._is_time("start"):
            self._ask("start", start)

    def succeeded(self) -> None:
        """Note that a tick has succeeded."""
        if self._forms is not None:
            self._ended("success", self._forms.success)

    def failed(self) -> None:
        """Note that a tick has failed."""
        if self._forms is not None:
            self._ended("fail", self._forms.fail)

    async def close(self) -> None:
        """Send nothing more. A request that is under way is cancelled."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def idle(self) -> None:
        """Wait until everything noted has been sent or has failed."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _ended(self, form: str, url: str) -> None:
        if self._is_time(form) or self._result != form:
            # The service believes the last ping, so an older result that still waits is dropped.
            self._waiting.pop(self._result, None)
            self._result = form
            self._ask(form, url)

    def _is_time(self, form: str) -> bool:
        return self._clock() - self._sent_at.get(form, float("-inf")) >= AT_MOST_EVERY

    def _ask(self, form: str, url: str) -> None:
        self._sent_at[form] = self._clock()
        self._waiting[form] = url
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        while self._waiting:
            form = next(iter(self._waiting))
            status, error = await self._send(self._waiting.pop(form))
            if form != "start":
                self._note(error)
            elif status in NO_SUCH_FORM:
                # The service has no address for a start. Only the end of a tick matters.
                self._knows_start = False

    async def _send(self, url: str) -> tuple[int | None, str | None]:
        """The status, and why the ping failed, in words that do not show the URL; None if it succeeded."""
        try:
            async with (
                asyncio.timeout(TIMEOUT.total_seconds()),
                self._session.get(exact_url(url), allow_redirects=False) as response,
            ):
                status = response.status
        except Exception as error:  # noqa: BLE001 - nothing that the service does may stop a tick
            return None, failure(error, self._place, TIMEOUT)
        return status, refusal(status, self._place)

    def _note(self, error: str | None) -> None:
        """Log the first of several failures, and the first success after them."""
        if error is not None and not self._is_failing:
            log.warning("dead man's ping failed", host=self._place, reason=error)
        elif error is None and self._is_failing:
            log.info("dead man's ping works again", host=self._place)
        self._is_failing = error is not None


@asynccontextmanager
async def open_dead_man(url: SecretStr | None, clock: SteadyClock) -> AsyncIterator[DeadMan]:
    """The ping to the URL, closed at the end. Without a URL it does nothing. Raises SettingsError."""
    async with open_session(1) as session:
        try:
            dead_man = DeadMan(None if url is None else url.get_secret_value(), session, clock)
        except ValueError:
            raise fault("heartbeat_url", "this is not an address; copy it again from the service's page") from None
        try:
            yield dead_man
        finally:
            await dead_man.close()


def _with(url: str, **values: str) -> str:
    """The URL with the values of these names in its query replaced; the rest stays byte for byte."""
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(f"{name}={values[name]}" if name in values else name + sign + value for name, sign, value in pairs)
    return urlunsplit(parts._replace(query=query))
