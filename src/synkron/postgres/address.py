"""The address of the database, as it is written in a URL: taken apart once, and judged before it is used. Pure.

A URL may carry each parameter that libpq knows. The driver understands some, Synkron applies some itself, and of the
others only the values are allowed that describe what the driver does anyway. No message shows a part of the password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from urllib.parse import quote, unquote

from synkron.errors import SettingsError
from synkron.postgres.parameters import AS_IT_IS, INSTEAD, OF_SYNKRON, OF_THE_DRIVER, UNKNOWN, VALUES

EXAMPLE = "postgresql://user:password@host:5432/database"
MARKS = "write %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %26 for &"
SETTING = "SYNKRON_DATABASE_URL"
CONNECT_TIMEOUT = 10.0
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class KeepAlive(NamedTuple):
    """When the operating system gives a silent connection up.

    Seconds before it probes an idle connection (0: it does not), seconds between probes, unanswered probes before it
    gives up, and milliseconds after which it gives up on data that was sent and not acknowledged.
    """

    idle: int = 10
    interval: int = 5
    probes: int = 3
    unacknowledged: int = 30_000


USUAL = KeepAlive()


@dataclass(frozen=True)
class Address:
    """Where the database is. ``place`` is its hosts, ports and name, for messages; ``url`` is for the driver.

    ``named`` says to people where the URL is written. ``files`` are the files that the URL names, by parameter.
    ``attributes`` is the kind of server that it asks for.
    """

    url: str = field(repr=False)
    place: str
    named: str = SETTING
    connect_timeout: float = CONNECT_TIMEOUT
    keep_alive: KeepAlive = USUAL
    application_name: str = "synkron"
    attributes: str = "any"
    files: Mapping[str, str] = field(default_factory=dict)


def address_of(url: str, named: str = SETTING) -> Address:
    """The address that the URL names. Raises SettingsError, which says where it is written."""
    try:
        return _address_of(url, named)
    except _Malformed as fault:
        raise SettingsError([f"{named}: {fault}."]) from None


class _Malformed(Exception):
    """What is wrong with the URL."""


def _address_of(url: str, named: str) -> Address:
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("postgresql", "postgres") or CONTROL.search(url):
        _refuse(f"this is not the address of a PostgreSQL database; expected one such as {EXAMPLE}")
    before, _, query = rest.partition("?")
    authority, _, database = before.partition("/")
    if "#" in rest or authority.count("@") > 1 or "@" in database:
        _refuse_marks()
    _, at, hosts = authority.rpartition("@")
    for host in hosts.split(","):
        _check_host(host, may_be_empty="," not in hosts)
    try:
        given = dict(_parameters(query))
        kept = {name: value for name, value in given.items() if _is_for_driver(name, value)}
    except _Malformed:
        if (not at and "@" in query) or "password=" in query:
            _refuse_marks()  # What is taken for the name of a parameter may be a part of a password.
        raise
    _check_tls(kept)
    encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in kept.items())
    return Address(
        url=f"{scheme}://{before}" + (f"?{encoded}" if encoded else ""),
        place=_place(hosts, unquote(database) or kept.get("dbname", ""), kept),
        named=named,
        connect_timeout=float(given.get("connect_timeout", CONNECT_TIMEOUT)),
        keep_alive=_keep_alive(given),
        application_name=given.get("application_name") or given.get("fallback_application_name") or "synkron",
        attributes=kept.get("target_session_attrs", "any"),
        files={
            name: kept[name] for name in ("passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl") if kept.get(name)
        },
    )


def _check_host(host: str, *, may_be_empty: bool) -> None:
    """Refuse a malformed host or port. Neither is shown: it may be a part of a password."""
    found = re.fullmatch(r"(\[[^\[\]]+\]|[^\[\]:]*)(?::(.*))?", host)
    if not found or not (found[1] or may_be_empty) or (found[2] and not _is_port(found[2])):
        _refuse(
            "its host or port is malformed; a port is a number from 1 to 65535, an IPv6 address stands in brackets, "
            f"and in a password, {MARKS}. Expected an address such as {EXAMPLE}"
        )


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535


def _parameters(query: str) -> Iterator[tuple[str, str]]:
    """The parameters, the last of each name. A plus sign stands for itself, as in libpq."""
    for one in filter(None, query.split("&")):
        name, mark, value = one.partition("=")
        if not mark or not re.fullmatch(r"[A-Za-z][\w.-]*", name):
            _refuse(f"the parameters behind its question mark are malformed; in a password, {MARKS}")
        yield name, unquote(value)


def _is_for_driver(name: str, value: str) -> bool:
    """Whether the parameter is for the driver. Refuses it if nobody does what it says."""
    if CONTROL.search(value):
        _refuse(f"its parameter {name} contains a control character; remove it")
    if name in VALUES and value not in VALUES[name]:
        _refuse(f"its parameter {name} must be {_any_of(VALUES[name])}")
    if name == "port" and not all(map(_is_port, value.split(","))):
        _refuse("its parameter port must be a number from 1 to 65535, or several with commas, one for each host")
    if name in OF_THE_DRIVER:
        return True
    if name in OF_SYNKRON:
        _check_number(name, value)
    elif name in AS_IT_IS:
        if value.lower() not in AS_IT_IS[name]:
            _refuse(f"its parameter {name} may only be {_any_of(AS_IT_IS[name])}: {INSTEAD[name]}")
    elif name in INSTEAD:
        _refuse(f"its parameter {name} is not supported: {INSTEAD[name]}")
    else:
        _refuse(f"its parameter {name} is unknown: {UNKNOWN}")
    return False


def _check_number(name: str, value: str) -> None:
    limits = OF_SYNKRON[name]
    if limits is None:
        return
    least, most = limits
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        _refuse(f"its parameter {name} must be a whole number from {least} to {most}")


def _check_tls(parameters: Mapping[str, str]) -> None:
    """Refuse parameters that contradict each other."""
    mode = parameters.get("sslmode", "prefer")
    if parameters.get("sslnegotiation") == "direct" and mode in ("disable", "allow", "prefer"):
        _refuse("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")
    if parameters.get("sslrootcert") == "system":
        _refuse(
            "sslrootcert=system is not supported: name the file with your system's certificates instead, on Debian "
            "sslrootcert=/etc/ssl/certs/ca-certificates.crt"
        )


def _keep_alive(given: Mapping[str, str]) -> KeepAlive:
    """The times that the URL gives; for those that it does not give, or gives as 0, Synkron's own, as in libpq."""
    if given.get("keepalives") == "0":
        return KeepAlive(idle=0, unacknowledged=int(given.get("tcp_user_timeout", 0)))
    return KeepAlive(
        int(given.get("keepalives_idle", 0)) or USUAL.idle,
        int(given.get("keepalives_interval", 0)) or USUAL.interval,
        int(given.get("keepalives_count", 0)) or USUAL.probes,
        int(given.get("tcp_user_timeout", 0)) or USUAL.unacknowledged,
    )


def _place(hosts: str, database: str, parameters: Mapping[str, str]) -> str:
    """Hosts, ports and database, without user and password."""
    named = unquote(hosts) or parameters.get("host", "")
    if not named or named.startswith(("/", ":")):
        named = "the local socket" + (named if named.startswith(":") else "")
    elif not hosts and "port" in parameters:
        named += f":{parameters['port']}"
    return named + (f"/{database}" if database else "")


def _any_of(values: tuple[str, ...]) -> str:
    *others, last = values
    return f"{', '.join(others)} or {last}" if others else last


def _refuse_marks() -> NoReturn:
    _refuse(f"in a user name or password, {MARKS}. Expected an address such as {EXAMPLE}")


def _refuse(fault: str) -> NoReturn:
    raise _Malformed(fault)
