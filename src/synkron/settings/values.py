"""The kinds of values in the settings. Each is checked, and each error says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from synkron.settings.edge_function import function_in
from synkron.settings.integrations import FLAVOURS, SHORTEST_INTERVAL
from synkron.settings.integrations.naming import LONGEST_NAME, fault_in_name
from synkron.text import duration

LONGEST_DURATION = timedelta(days=3650)


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    length = duration(value) if isinstance(value, str) else None
    if length is not None and length <= LONGEST_DURATION:
        return length
    raise PydanticCustomError("duration", 'expected a duration such as "30s", "1m30s", "24h" or "7d", at most 3650d')


def _positive(value: timedelta) -> timedelta:
    if value > timedelta():
        return value
    raise PydanticCustomError("duration", "expected a duration above zero")


def _identifier(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", value):
        return value
    raise PydanticCustomError(
        "identifier",
        "expected a name of at most 63 letters, digits and underscores that does not begin with a digit",
    )


def _optional_identifier(value: object) -> str:
    return "" if value == "" else _identifier(value)


def _type_name(value: object) -> str:
    fault = fault_in_name(value) if isinstance(value, str) else "it is not text"
    if fault is None:
        return str(value)
    raise PydanticCustomError(
        "type_name",
        "expected an integration type, written as in the rows: at most {most} visible characters, no blank at either "
        "end; {fault}",
        {"most": LONGEST_NAME, "fault": fault},
    )


def installation_name(value: object) -> str:
    """The name of an installation, checked for the settings and the commands. Raises PydanticCustomError."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        return value
    raise PydanticCustomError(
        "installation_name",
        "expected a name such as prod: at most 63 letters, digits, dots, - and _, the first a letter or digit",
    )


def _target(value: object) -> str:
    if isinstance(value, str) and (
        _is_address(value) or function_in(value) or re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", value)
    ):
        return value
    raise PydanticCustomError(
        "target",
        'expected an address ("https://example.com/sync"), a Supabase Edge Function ("edge:sync") or a callable '
        '("package.module:function")',
    )


def _secret_reference(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"(env:[A-Za-z_]\w*|file:.+)", value):
        return value
    raise PydanticCustomError(
        "secret", 'expected "env:NAME" or "file:PATH"; do not write the secret itself into the settings'
    )


def _is_address(value: str) -> bool:
    return re.fullmatch(r"https?://[^\s/]+\S*", value) is not None


def _secret_address(value: SecretStr) -> SecretStr:
    _address(value.get_secret_value())
    return value


def _database_address(value: SecretStr) -> SecretStr:
    """An address that the driver can read. An error shows only its scheme: the rest may contain a password."""
    url = value.get_secret_value()
    expected = "expected the address of a PostgreSQL database, postgresql://user:password@host:5432/database"
    if not url:
        raise PydanticCustomError("database_url", "it is empty; give an address, or unset SYNKRON_DATABASE_URL")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,40})://", url)
    if scheme is None:
        raise PydanticCustomError("database_url", expected)
    if scheme[1].lower() not in ("postgresql", "postgres"):
        raise PydanticCustomError(
            "database_url", expected + "; this one begins with {scheme}://", {"scheme": scheme[1]}
        )
    try:
        if "," not in url:  # With several hosts, only the driver can read the ports.
            _ = urlsplit(url).port
    except ValueError:
        raise PydanticCustomError(
            "database_url",
            expected + ", with a port up to 65535; in a password, write %40 for @, %2F for / and %3A for :",
        ) from None
    return value


def _address(value: object) -> str:
    if isinstance(value, str) and _is_address(value):
        return value
    raise PydanticCustomError("address", 'expected an address that begins with "http://" or "https://"')


# requirement R18.2
def _probe_interval(value: object) -> timedelta:
    interval = _duration(value)
    if interval >= SHORTEST_INTERVAL:
        return interval
    raise PydanticCustomError("interval", "expected at least 15m: probes must leave the vendor's quota to the syncs")


def _late_after(value: object) -> timedelta:
    late = _duration(value)
    if late >= timedelta(minutes=1):
        return late
    raise PydanticCustomError("duration", "expected a duration of at least 1m")


def _short(value: object) -> timedelta:
    short = _positive(_duration(value))
    if short <= timedelta(minutes=1):
        return short
    raise PydanticCustomError("duration", "expected a duration of at most 1m")


def _one_of(*allowed: str) -> Callable[[object], str]:
    def checked(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise PydanticCustomError("method", "expected one of {allowed}", {"allowed": ", ".join(allowed)})

    return checked


def _flavour(value: object) -> str:
    known = [flavour for flavours in FLAVOURS.values() for flavour in flavours]
    if value == "" or value in known:
        return str(value)
    raise PydanticCustomError("flavour", "expected one of {known}", {"known": ", ".join(known)})


def _channel_name(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", value) and value != "log":
        return value
    raise PydanticCustomError(
        "channel_name",
        "expected a channel's name other than log: at most 63 lower-case letters, digits, _ and -, a letter first",
    )


def _code(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,100}", value):
        return value
    raise PydanticCustomError("code", "expected a vendor's code: at most 100 printable ASCII characters, no blanks")


def _listen(value: object) -> str:
    if isinstance(value, str) and (
        found := re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):([0-9]{1,5})", value)
    ):
        port = int(found[1])
        if port <= 65_535:
            return value
    raise PydanticCustomError("listen", 'expected host:port, such as "127.0.0.1:8077" or "[::1]:8077"')


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(lambda value: _positive(_duration(value)))]
Identifier = Annotated[str, BeforeValidator(_identifier)]
OptionalIdentifier = Annotated[str, BeforeValidator(_optional_identifier)]
TypeName = Annotated[str, BeforeValidator(_type_name)]
InstallationName = Annotated[str, BeforeValidator(installation_name)]
Target = Annotated[str, BeforeValidator(_target)]
Listen = Annotated[str, BeforeValidator(_listen)]
Address = Annotated[str, BeforeValidator(_address)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database_address)]
SecretAddress = Annotated[SecretStr, AfterValidator(_secret_address)]
ProbeInterval = Annotated[timedelta, BeforeValidator(_probe_interval)]
LateAfter = Annotated[timedelta, BeforeValidator(_late_after)]
ShortDuration = Annotated[timedelta, BeforeValidator(_short)]
Method = Annotated[str, BeforeValidator(_one_of("HEAD", "GET", "OPTIONS", "POST"))]
SafeMethod = Annotated[str, BeforeValidator(_one_of("GET", "HEAD", "OPTIONS"))]
Flavour = Annotated[str, BeforeValidator(_flavour)]
ChannelName = Annotated[str, BeforeValidator(_channel_name)]
Code = Annotated[str, BeforeValidator(_code)]
SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
