"""A channel that is an Apprise URL: mail, chat, pager or any other of its services."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from synkron.http import status_text
from synkron.incidents.channels.failure import NotDelivered
from synkron.incidents.message import Message, Tone
from synkron.settings.secrets import SECRET_LENGTH, fault, is_reference, read_secret

if TYPE_CHECKING:
    from apprise import Apprise

# Apprise and its dependencies log URLs with their tokens.
LOGGERS = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
# The HTTP statuses in what they log while we call them; None while the program that Synkron runs in calls them.
_statuses: ContextVar[list[int] | None] = ContextVar("synkron_apprise_statuses", default=None)


def read_service(key: str, written: str, environment: Mapping[str, str]) -> Service:
    """The service of the URL that the setting holds or refers to. Raises SettingsError, which does not show the URL."""
    secret = read_secret(key, written, environment) if is_reference(written) else SecretStr(written)
    with _silenced():
        # Imported only for such a channel, because the import takes half a second.
        try:
            from apprise import Apprise, AppriseAsset
        except ImportError:
            raise fault(
                key,
                "this needs Apprise, which is not installed; install it with `pip install 'synkron[announce]'`, or "
                "announce to a webhook with a secret",
            ) from None

        # Keep nothing on disk, read nothing from the environment, and set no time limit: ours applies.
        asset = AppriseAsset(
            app_id="Synkron",
            app_desc="Synkron",
            app_url="",
            async_mode=False,
            storage_mode="memory",
            service_timeout=0,
            allow_templates=False,
        )
        service = Apprise.instantiate(secret.get_secret_value(), asset=asset)
        if service is None:
            raise fault(
                key,
                "Apprise does not know this URL, or part of it is missing; it must begin with the name of a service, "
                "as in mailto://, slack:// or ntfy://. See the service's page in Apprise's documentation",
            )
        # A URL may say that a failure does not count; here each one does.
        service.optional = False
        apprise = Apprise(asset=asset)
        apprise.add(service)
    return Service(apprise, secret)


class Service:
    """Sends through Apprise in a thread. Nothing can stop a thread, so while one hangs the next does not start."""

    def __init__(self, apprise: Apprise, url: SecretStr) -> None:
        self._apprise = apprise
        self._url = url
        self._turn = asyncio.Lock()
        self._sending: Future[str | None] | None = None

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What no text may show: the URL, and each part of it that may be a key."""
        url = self._url.get_secret_value()
        beyond_the_host = url.replace(urlsplit(url).hostname or " ", " ")
        parts = [url, *re.split(r"[\s/?&=@:#,]+", beyond_the_host)]
        texts = {text for part in parts for text in (part, unquote(part)) if len(text) >= SECRET_LENGTH}
        return tuple(map(SecretStr, sorted(texts)))

    async def send(self, message: Message) -> None:
        """Send one message, after the earlier ones."""
        async with self._turn:
            if self._sending is not None and not self._sending.done():
                raise NotDelivered("an earlier message is still being sent")
            self._sending = _in_thread(lambda: self._refusal(message))
            refusal = await asyncio.wrap_future(self._sending)
        if refusal is not None:
            raise NotDelivered(refusal)

    def _refusal(self, message: Message) -> str | None:
        """Why the message was not delivered, or None if it was. Runs in the thread."""
        from apprise import NotifyFormat, NotifyType

        kinds = {
            Tone.ALARM: NotifyType.FAILURE,
            Tone.ALL_CLEAR: NotifyType.SUCCESS,
            Tone.TRIAL: NotifyType.INFO,
            Tone.REPORT: NotifyType.INFO,
        }
        with _silenced() as statuses:
            is_delivered = self._apprise.notify(
                title=message.title,
                body=message.body,
                notify_type=kinds[message.tone],
                body_format=NotifyFormat.TEXT,
                interpret_escapes=False,
            )
        if is_delivered:
            return None
        # Of all that the libraries log, only the status is safe to show.
        status = f" ({status_text(statuses[0])})" if statuses else ""
        return f"the service refused it or can't be reached{status}"


def _in_thread(call: Callable[[], str | None]) -> Future[str | None]:
    """Call it in a daemon thread: at its end, the process would wait for a thread of a pool."""
    answer: Future[str | None] = Future()
    answer.set_running_or_notify_cancel()  # from now on it is done only when the thread is

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # noqa: BLE001 - the caller waits for a result
            # Not the exception itself: its text and its traceback may contain the URL.
            answer.set_exception(NotDelivered(f"{type(error).__name__} in the service's own code"))

    Thread(target=run, name="synkron-announce", daemon=True).start()
    return answer


@contextmanager
def _silenced() -> Iterator[list[int]]:
    """Let out no line that these libraries log meanwhile; answers the HTTP statuses in them.

    Other threads and tasks of this process, which may use the same libraries, log as before.
    """
    there = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in LOGGERS]
    for name in (*LOGGERS, *there):
        logging.getLogger(name).addFilter(_is_not_ours)  # a logger keeps a filter only once
    statuses: list[int] = []
    token = _statuses.set(statuses)
    try:
        yield statuses
    finally:
        _statuses.reset(token)


def _is_not_ours(record: logging.LogRecord) -> bool:
    statuses = _statuses.get()
    if statuses is None:
        return True
    with suppress(TypeError, ValueError):  # arguments that do not match the line
        statuses += map(int, re.findall(r"\berror=(\d{3})\b", record.getMessage()))
    return False
