"""Whether the targets can be reached: a connection is made and closed, and no request is sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from socket import gaierror

from yarl import URL

from synkron.http import unconnected
from synkron.incidents.conditions.wording import listed
from synkron.service.doctor.finding import Finding, failed, ok
from synkron.settings.integrations.naming import section_of
from synkron.text import several

# Seconds for one connection, and how many are made at once.
WITHIN = 4.0
AT_ONCE = 50


async def reach(addresses: Mapping[str, URL]) -> list[Finding]:
    """A finding for each server that can't be reached; one finding if all can. ``addresses`` are by type."""
    types: dict[URL, list[str]] = {}
    for name, address in addresses.items():
        types.setdefault(address.origin(), []).append(name)
    room = asyncio.Semaphore(AT_ONCE)
    trusted = ssl.create_default_context()
    reasons = await asyncio.gather(*(_reason(one, room, trusted) for one in types))
    found = [_unreached(one, types[one], reason) for one, reason in zip(types, reasons, strict=True) if reason]
    return found or [ok(f"{several(len(types), 'server')} can be reached." if types else "No target is at an address.")]


def _unreached(server: URL, types: Sequence[str], reason: str) -> Finding:
    place = server.host_port_subcomponent
    return failed(
        f"{place}, the target of {listed(types)}, can't be reached from this host: {reason}.",
        remedy=f"Start the server at {place}, or correct {section_of(types[0])}.target in synkron.toml.",
    )


async def _reason(server: URL, room: asyncio.Semaphore, trusted: ssl.SSLContext) -> str | None:
    """Why no connection can be made; None if it can."""
    try:
        async with room, asyncio.timeout(WITHIN):
            tls = trusted if server.scheme == "https" else None
            _, writer = await asyncio.open_connection(server.raw_host, server.port, ssl=tls)
            writer.transport.abort()
    except TimeoutError:
        return f"no answer within {WITHIN:g} s"
    except gaierror:
        return "its name is not known to the name servers"
    except OSError as error:
        return unconnected(error)
    except UnicodeError:
        return "this is not a valid host name"
    return None
