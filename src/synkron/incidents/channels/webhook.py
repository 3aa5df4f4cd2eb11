"""A channel that is an HTTP endpoint: a POST with a Standard Webhooks signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from aiohttp import ClientSession
from pydantic import SecretStr
from yarl import URL

from synkron.errors import SettingsError
from synkron.http import failure, refusal
from synkron.incidents.channels.failure import LONGEST, NotDelivered
from synkron.incidents.message import Message
from synkron.settings.addresses import exact_url
from synkron.settings.secrets import SECRET_LENGTH, fault, gathering
from synkron.settings.signing import Signing, read_signing
from synkron.text import instant


@dataclass(frozen=True)
class Webhook:
    """A 2xx response means delivered. Redirects are not followed: they could lead to another host.

    No text may show the ``secrets``. The address is one, because its path and query may contain one.
    """

    address: SecretStr
    signing: Signing
    secrets: tuple[SecretStr, ...]
    session: ClientSession

    async def send(self, message: Message) -> None:
        """POST it once. The receiver recognizes a repetition by its ``webhook-id``."""
        content = body(message)
        address = exact_url(self.address.get_secret_value())
        place = address.host_port_subcomponent or ""
        try:
            async with self.session.post(
                address, data=content, headers=self._headers(message, content), allow_redirects=False
            ) as response:
                reason = refusal(response.status, place)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - the exception's own text may contain the address
            raise NotDelivered(failure(error, place, LONGEST)) from None
        if reason is not None:
            raise NotDelivered(reason)

    def _headers(self, message: Message, content: bytes) -> dict[str, str]:
        moment = message.at.astimezone(UTC)
        return {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self.signing.webhook.sign(message.id, moment, content.decode()),
        }


def read_webhook(
    key: str, address: str, reference: str, environment: Mapping[str, str], session: ClientSession
) -> Webhook:
    """The webhook, its secret read. Raises SettingsError with every fault, under ``key``."""
    faults: list[str] = []
    with gathering(faults):
        url = _address(f"{key}.webhook", address)
    with gathering(faults):
        signing = read_signing(f"{key}.secret", reference, environment)
    if faults:
        raise SettingsError(faults)
    hidden = [part for part in (*url.parts, url.query_string, *url.query.values()) if len(part) >= SECRET_LENGTH]
    secrets = (signing.secret, SecretStr(address), *map(SecretStr, hidden))
    return Webhook(SecretStr(address), signing, secrets, session)


def body(message: Message) -> bytes:
    """The body of a webhook, as JSON: what happened, when it was announced, and the incident."""
    return json.dumps(
        {"type": message.type, "timestamp": instant(message.made_at), "data": dict(message.facts)}
    ).encode()


def _address(key: str, text: str) -> URL:
    try:
        address = exact_url(text)
    except ValueError:
        raise fault(key, 'this is not an address; expected one such as "https://example.com/incidents"') from None
    if address.raw_user is not None or address.raw_password is not None:
        raise fault(key, "it must not contain a user or password; remove them: the signature identifies the sender")
    return address
