"""Tokens for OAuth 2 client credentials: obtained once, and kept until shortly before they expire."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from re import fullmatch
from typing import TypeAlias

from aiohttp import ClientSession
from pydantic import SecretStr

from synkron.http import beginning, failure, json_in
from synkron.model import recorded_status
from synkron.shortage import Shortage
from synkron.vendors.health import Verdict
from synkron.vendors.probe.request import Credentials

MARGIN = timedelta(minutes=1)
# Used if the token's lifetime is not given or is not a sensible number.
USUAL_LIFETIME = timedelta(hours=1)
LONGEST_LIFETIME = timedelta(days=1)

Kept: TypeAlias = tuple[SecretStr, datetime]
"""A token, and until when it is kept."""


class NoToken(Exception):
    """No token could be obtained: the finding and the reason, without any secret."""

    def __init__(self, finding: Verdict, reason: str, http_status: int | None = None) -> None:
        super().__init__(reason)
        self.finding = finding
        self.reason = reason
        self.http_status = http_status


class Tokens:
    """The tokens of one process."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._kept: dict[Credentials, Kept] = {}
        self._getting: defaultdict[Credentials, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def token(self, credentials: Credentials, at: datetime, timeout: timedelta) -> SecretStr:  # noqa: ASYNC109
        """A token that is valid at that moment. Raises NoToken and Shortage."""
        async with self._getting[credentials]:
            token, until = self._kept.get(credentials, (None, at))
            if token is None or at >= until:
                token, until = await self._got(credentials, at, timeout)
                self._kept[credentials] = token, until
            return token

    def drop(self, credentials: Credentials) -> None:
        """Forget the token, because the vendor refuses it. The next probe gets a new one."""
        self._kept.pop(credentials, None)

    async def _got(self, credentials: Credentials, at: datetime, timeout: timedelta) -> Kept:  # noqa: ASYNC109
        place = credentials.url.host_port_subcomponent or ""
        try:
            status, content = await self._asked(credentials, timeout)
        except Shortage:
            raise
        except Exception as error:  # noqa: BLE001 - every error of the token endpoint becomes a sample
            reason = f"the token endpoint gives no token: {failure(error, place, timeout)}"
            raise NoToken(Verdict.UNREACHABLE, reason) from None
        answer = json_in(content)
        said = answer if isinstance(answer, dict) else {}
        if status in (400, 401):
            code = said.get("error")
            why = f", {code}" if isinstance(code, str) and fullmatch(r"[a-z_]{1,40}", code) else ""
            reason = f"the token endpoint {place} refuses the client credentials (HTTP {status}{why})"
            raise NoToken(Verdict.UNAUTHORIZED, reason, status)
        token = said.get("access_token")
        if status != 200 or not isinstance(token, str) or not fullmatch(r"[\x21-\x7e]{1,16384}", token):
            reason = f"the token endpoint {place} answered HTTP {status} without a token"
            raise NoToken(Verdict.UNREACHABLE, reason, recorded_status(status))
        return SecretStr(token), at + _lifetime(said.get("expires_in"))

    async def _asked(self, credentials: Credentials, timeout: timedelta) -> tuple[int, bytes]:  # noqa: ASYNC109
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret.get_secret_value(),
        }
        if credentials.scope is not None:
            form["scope"] = credentials.scope
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            asyncio.timeout(timeout.total_seconds()),
            self._session.post(credentials.url, data=form, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, await beginning(response)


def _lifetime(told: object) -> timedelta:
    """How long to keep a token that lasts this many seconds. Some vendors send the number as text."""
    seconds = int(told) if isinstance(told, str) and fullmatch(r"[0-9]{1,9}", told) else told
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        return USUAL_LIFETIME - MARGIN
    lifetime = min(timedelta(seconds=min(seconds, 10**9)), LONGEST_LIFETIME)
    return max(lifetime - MARGIN, lifetime / 2)
