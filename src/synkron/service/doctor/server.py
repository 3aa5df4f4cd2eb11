"""The server, the connection to it, and its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from synkron.postgres.pooler import Mode
from synkron.service.doctor.finding import Finding, failed, ok, warning
from synkron.text import span

OLDEST_SERVER = 150_000
SHORTEST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says of itself and of this session. ``host`` and ``port`` are None over a local socket."""

    version: str
    version_number: int
    database: str
    host: str | None
    port: int | None
    role: str
    is_superuser: bool
    bypasses_row_security: bool


def connection(server: Server, mode: Mode | None) -> Finding:
    """Where the connection leads, as whom, and what stands in between."""
    place = "over a local socket" if server.host is None else f"at {server.host}:{server.port}"
    rights = ", a superuser" if server.is_superuser else ", bypassing row security" * server.bypasses_row_security
    between = "" if mode in (None, Mode.DIRECT) else f", through a {mode}"
    polls = " Workers poll, and `synkron migrate` needs a session." if mode is Mode.TRANSACTION else ""
    return ok(f'As "{server.role}"{rights}, to the database "{server.database}" {place}{between}.{polls}')


def version(server: Server) -> Finding:
    """Whether the server is new enough."""
    if server.version_number >= OLDEST_SERVER:
        return ok(f"PostgreSQL {server.version}.")
    return failed(
        f"The server is PostgreSQL {server.version}, and Synkron needs 15 or later.",
        remedy="Upgrade the server to PostgreSQL 15 or later.",
    )


def clock(skew: timedelta, notable: timedelta) -> Finding:
    """``skew`` is this host's clock minus the database's; more than the ``notable`` one is a fault."""
    if abs(skew) <= notable:
        return ok(f"This host's clock and the database's are within {span(max(abs(skew), SHORTEST))}.")
    way = "ahead of" if skew > timedelta() else "behind"
    return warning(
        f"This host's clock is {span(abs(skew))} {way} the database's, which alone decides what is due.",
        "timedatectl set-ntp true",
    )
