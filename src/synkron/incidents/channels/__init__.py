"""Where incidents are announced besides the log: each channel of the settings is an Apprise URL or a signed webhook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from synkron.errors import SettingsError
from synkron.http import open_session
from synkron.incidents.channels.apprise import Service, read_service
from synkron.incidents.channels.failure import LONGEST, NotDelivered
from synkron.incidents.channels.webhook import Webhook, read_webhook
from synkron.incidents.message import Message
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import gathering


class Channel(Protocol):
    """A place that messages are sent to."""

    async def send(self, message: Message) -> None:
        """Send one message. Raises NotDelivered."""


@dataclass(frozen=True)
class Channels:
    """The channels by name."""

    by_name: Mapping[str, Channel]
    redaction: Redaction = field(repr=False)

    @property
    def for_people(self) -> list[str]:
        """The channels that people read; a webhook is read by programs, and gets a message for each incident."""
        return [name for name, one in self.by_name.items() if not isinstance(one, Webhook)]

    async def send(self, name: str, message: Message) -> str | None:
        """Send within 30 s; returns why it was not delivered, without any secret, or None."""
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                await self.by_name[name].send(message)
        except TimeoutError:
            return f"not finished within {LONGEST.total_seconds():g} s"
        except NotDelivered as error:
            return self.redaction.excerpt(str(error))
        except Exception as error:  # noqa: BLE001 - the text of a service's exception may contain its URL
            return f"{type(error).__name__} while sending"
        return None


@asynccontextmanager
async def open_channels(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Channels]:
    """The open channels, closed at the end. Raises SettingsError with every fault."""
    written = settings.announce.channels
    channels: dict[str, Service | Webhook] = {}
    faults: list[str] = []
    async with open_session(max(1, len(written))) as session:
        for name, one in written.items():
            key = f"announce.channels.{name}"
            with gathering(faults):
                if one.webhook is not None and one.secret is not None:
                    channels[name] = read_webhook(key, one.webhook, one.secret, environment, session)
                elif one.apprise is not None:
                    channels[name] = read_service(key, one.apprise.get_secret_value(), environment)
        if faults:
            raise SettingsError(faults)
        yield Channels(channels, Redaction([secret for one in channels.values() for secret in one.secrets]))
