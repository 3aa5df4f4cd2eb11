"""A channel that is an Apprise URL: a mail, a chat, a pager, by whichever of its services the URL names."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from synkron.http.answer import status_text
from synkron.incidents import Message, Tone
from synkron.incidents.channels.failure import NotDelivered
from synkron.settings.secrets import SECRET_LENGTH, fault, is_reference, read_secret

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

# Apprise and what it stands on write URLs, tokens included, into their log lines. Nothing else here uses them.
SILENCED = ("urllib3", "requests", "requests_oauthlib", "oauthlib")


def read_service(key: str, written: str, environment: Mapping[str, str]) -> Service:
    """The service of the URL, which is written there or pointed to. Raises SettingsError, which does not show it."""
    secret = read_secret(key, written, environment) if is_reference(written) else SecretStr(written)
    # Only where there is such a channel, as it takes half a second.
    from apprise import Apprise, AppriseAsset

    _silence_all()
    # Nothing is kept on disk, nothing looked up in the environment; how long it may take is our own affair.
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
            "Apprise does not know this URL, or something is missing in it; it begins with a service's name, as in "
            "mailto://, slack:// or ntfy://. See the service's page in Apprise's documentation",
        )
    # A URL may say that a failure does not count; here each one does.
    service.optional = False
    apprise = Apprise(asset=asset)
    apprise.add(service)
    return Service(apprise, secret)


class Service:
    """Sends by Apprise, in a thread: nothing can stop that, so one that hangs keeps the next from starting."""

    def __init__(self, apprise: Apprise, url: SecretStr) -> None:
        self._apprise = apprise
        self._url = url
        self._turn = asyncio.Lock()
        self._is_busy = False

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What no text may show: the URL, and each part of it that may be a key."""
        url = self._url.get_secret_value()
        beyond_the_host = url.replace(urlsplit(url).hostname or " ", " ")
        parts = [url, *re.split(r"[\s/?&=@:#,]+", beyond_the_host)]
        texts = {text for part in parts for text in (part, unquote(part)) if len(text) >= SECRET_LENGTH}
        return tuple(map(SecretStr, sorted(texts)))

    async def send(self, message: Message) -> None:
        """Send one message, after those that were begun before."""
        async with self._turn:
            if self._is_busy:
                raise NotDelivered("an earlier message has not come to its end")
            result = await self._in_thread(lambda: self._notified(message))
        if not result:
            raise NotDelivered(f"the service did not take it, or can't be reached{_status(result)}")

    def _notified(self, message: Message) -> AppriseResult:
        """In the thread."""
        from apprise import NotifyFormat, NotifyType

        kinds = {
            Tone.ALARM: NotifyType.FAILURE,
            Tone.ALL_CLEAR: NotifyType.SUCCESS,
            Tone.TRIAL: NotifyType.INFO,
        }
        return self._apprise.notify(
            title=message.title,
            body=message.body,
            notify_type=kinds[message.tone],
            body_format=NotifyFormat.TEXT,
            interpret_escapes=False,
        )

    async def _in_thread(self, call: Callable[[], AppriseResult]) -> AppriseResult:
        """Call it in a thread that does not outlive the process: those of a pool are waited for at its end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AppriseResult] = loop.create_future()

        def settle(result: AppriseResult | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if result is not None:
                answer.set_result(result)
            else:
                # Not the exception itself: its words may hold the URL, and so may its traceback.
                answer.set_exception(NotDelivered(f"{type(error).__name__} in the service's own code"))

        def run() -> None:
            result, failed = None, None
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
                failed = error
            self._is_busy = False
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, failed)

        self._is_busy = True
        Thread(target=run, name="synkron-announce", daemon=True).start()
        return await answer


def _silence_all() -> None:
    """No line of theirs reaches anybody; of Apprise's, statuses reach ``_status``."""
    for name in SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    logger.addFilter(_status_alone)  # which a logger keeps once, however often it is given


def _status_alone(record: logging.LogRecord) -> bool:
    """Leave nothing of a line but the HTTP status that it names; drop it where it names none."""
    found = None
    with suppress(TypeError, ValueError):  # a line whose arguments do not fit it
        found = re.search(r"\berror=(\d{3})\b", record.getMessage())
    record.msg, record.args, record.exc_info = (found[0] if found else ""), None, None
    return found is not None


def _status(result: AppriseResult) -> str:
    """The HTTP status that the service answered, the only thing that is safe to take from Apprise's words."""
    for entry in result.logs():
        status = int(entry.message.removeprefix("error="))
        return f" ({status_text(status)})"
    return ""
