"""Reads HTTP answers of targets, vendors and services: limited in size, and described in our own words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from re import fullmatch
from ssl import SSLCertVerificationError, SSLError

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ServerConnectionError,
)

from synkron.http.shortage import Shortage
from synkron.http.status import PHRASES

BODY_LIMIT = 64 * 1024
# The longest line in an answer's head, because real servers send more than the client's usual 8 KB; the most lines.
LONGEST_HEADER = 64 * 1024
MOST_HEADERS = 128


def retry_after(headers: Mapping[str, str], longest: timedelta) -> timedelta | None:
    """The wait that the answer asks for, from 0 to ``longest``.

    A date is measured from the answer's own Date, so that a server with a wrong clock gives the right wait.
    """
    text = headers.get("Retry-After", "").strip()
    if fullmatch(r"-?[0-9]+", text):
        seconds = float(text)
    else:
        try:
            seconds = (_date(text) - _date(headers.get("Date", ""))).total_seconds()
        except (ValueError, OverflowError):
            return None
    return timedelta(seconds=min(max(seconds, 0.0), longest.total_seconds()))


def _date(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def status_text(status: int) -> str:
    """``HTTP 503 Service Unavailable``."""
    return f"HTTP {status} {PHRASES.get(status, '')}".rstrip()


def refusal(status: int, place: str) -> str | None:
    """Why an answer is not a success; None if it is."""
    if 200 <= status < 300:
        return None
    redirect = "; redirects are not followed" if 300 <= status < 400 else ""
    return f"{place} answered {status_text(status)}{redirect}"


async def beginning(response: ClientResponse) -> bytes:
    """The first 64 KiB of the body, or nothing if it is compressed. A body read to its end keeps the connection."""
    try:
        content = await response.content.readexactly(BODY_LIMIT)
    except asyncio.IncompleteReadError as error:
        content = error.partial
    return b"" if "Content-Encoding" in response.headers else content


def failure(error: Exception, place: str, timeout: timedelta) -> str:
    """Why there was no answer, in our own words: the exception's text could contain the headers that were sent."""
    match error:
        case Shortage():
            return f"no connection to {place}: {error}"
        case TimeoutError():
            return f"no answer from {place} within {timeout.total_seconds():g} s"
        case ClientConnectorDNSError():
            return f"the name of {place} is not known to the name servers"
        case ClientConnectorError():
            return f"no connection to {place}: {_reason(error.os_error)}"
        case ServerConnectionError() | ClientPayloadError() | OSError():
            return f"{place} closed the connection before it had answered"
        case ClientResponseError(message=str(said)) if limit := _limit(said):
            return f"{place} gave an answer with {limit}, which is more than is allowed"
        case ClientError():
            return f"{place} gave an answer that is not HTTP ({type(error).__name__})"
        case UnicodeError():
            return f"{place} is not a valid host name"
        case _:
            return f"{type(error).__name__} while calling {place}"


def incomplete(error: Exception, timeout: timedelta) -> str:
    """Why an answer's body is incomplete. Its status still counts."""
    if isinstance(error, TimeoutError):
        return f"answer incomplete: its body did not end within {timeout.total_seconds():g} s"
    return "answer incomplete: the connection was lost within its body"


def _limit(said: str) -> str | None:
    """The limit that an answer's head exceeded, recognized by the client's own words."""
    if said.startswith("Got more than"):
        return f"a header of more than {LONGEST_HEADER // 1024} KB"
    return f"more than {MOST_HEADERS} headers" if said.startswith("Too many headers") else None


def _reason(error: OSError) -> str:
    match error:
        case SSLCertVerificationError():
            return f"its certificate is not valid, {error.verify_message}"
        case SSLError():
            return f"TLS failed, {error.reason.replace('_', ' ').lower()}"
        case _:
            return os.strerror(error.errno) if error.errno else type(error).__name__
