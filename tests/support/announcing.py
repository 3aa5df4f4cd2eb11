"""Channels for tests: a mail server and a webhook's receiver on loopback, and incidents to be announced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from synkron.incidents.condition import Condition
from synkron.incidents.lifecycle import Transition
from synkron.incidents.store import reconcile
from synkron.service.heartbeat import DeadMan
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING

ENVIRONMENT = {"SIGNING": SIGNING}


@dataclass
class MailServer:
    """Takes every mail, after a login where it asks for one, or refuses all."""

    port: int = 0
    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The Apprise URL that has it talk plain SMTP to this server."""
        return f"mailto://127.0.0.1:{self.port}?from=synkron@example.com&to=operations@example.com&smtp=127.0.0.1"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A mail has arrived."""
        del server, session
        if self.refuses:
            return "550 not today"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """Whoever logs in is let in."""
        del server, session, envelope, mechanism
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A mail server that listens until the end of the block."""
    taking = MailServer()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(taking, loop=loop, hostname="localhost", auth_require_tls=False, authenticator=taking.authenticate)

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    taking.port = server.sockets[0].getsockname()[1]
    try:
        yield taking
    finally:
        server.close()
        await server.wait_closed()


def announcing(**channels: Any) -> Settings:
    """Settings with these channels: an Apprise URL, or a webhook signed with ``env:SIGNING``."""
    written = {
        name: {"webhook": url, "secret": "env:SIGNING"} if url.startswith("http") else url
        for name, url in channels.items()
    }
    return Settings(announce={"channels": written})


async def opened(
    connection: Connection, settings: Settings, conditions: Sequence[Condition], at: datetime
) -> list[Transition]:
    """The incidents of these conditions, with their announcements."""
    return await reconcile(connection, conditions, settings, at)


async def announcements(connection: Connection) -> list[Any]:
    """All announcements, in the order in which they were made."""
    return list(await connection.fetch("select * from synkron.announcements order by id"))


async def idle(dead_man: DeadMan) -> None:
    """Wait until every ping that is to be sent has been sent or has failed."""
    if dead_man._task is not None:
        await asyncio.wait({dead_man._task})
