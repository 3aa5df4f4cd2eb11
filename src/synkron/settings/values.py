"""The kinds of values in the settings. Each is checked, and each error says what is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_core import PydanticCustomError

from synkron.settings.integrations import FLAVOURS, SHORTEST_INTERVAL
from synkron.settings.integrations.naming import EXPECTED_INSTALLATION, INSTALLATION, LONGEST_NAME, fault_in_name
from synkron.settings.supabase import function_in
from synkron.text import duration

LONGEST_DURATION = timedelta(days=3650)
MINUTE = timedelta(minutes=1)


def _text(fits: Callable[[str], object], expected: str) -> Callable[[object], str]:
    """The check for a text that ``fits``; its error says what is expected."""

    def checked(value: object) -> str:
        if isinstance(value, str) and fits(value):
            return value
        raise PydanticCustomError("text", expected)

    return checked


def _one_of(*allowed: str) -> Callable[[object], str]:
    return _text(allowed.__contains__, f"expected one of {', '.join(filter(None, allowed))}")


def _is_address(text: str) -> bool:
    return re.fullmatch(r"https?://[^\s/]+\S*", text) is not None


def _is_target(text: str) -> bool:
    named = function_in(text) or re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", text)
    return _is_address(text) or named is not None


def _is_zone(text: str) -> bool:
    return text in available_timezones()


def _is_listen(text: str) -> bool:
    found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*):([0-9]{1,5})", text)
    return found is not None and int(found[1]) <= 65_535


_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_NAMED = "expected a name of at most 63 letters, digits and underscores that does not begin with a digit"

_address = _text(_is_address, 'expected an address that begins with "http://" or "https://"')
_target = _text(
    _is_target,
    'expected an address ("https://example.com/sync"), a Supabase Edge Function ("edge:sync") or a callable '
    '("package.module:function")',
)
_secret_reference = _text(
    re.compile(r"env:[A-Za-z_]\w*|file:.+").fullmatch,
    'expected "env:NAME" or "file:PATH"; do not write the secret itself into the settings',
)
_channel_name = _text(
    re.compile(r"(?!log$)[a-z][a-z0-9_-]{0,62}").fullmatch,
    "expected a channel's name other than log: at most 63 lower-case letters, digits, _ and -, a letter first",
)
_report_name = _text(
    re.compile(r"[a-z][a-z0-9_-]{0,62}").fullmatch,
    "expected a report's name: at most 63 lower-case letters, digits, _ and -, a letter first",
)
_time_of_day = _text(re.compile(r"([01]\d|2[0-3]):[0-5]\d").fullmatch, 'expected a time of day such as "07:00"')
_zone_name = _text(_is_zone, 'expected a zone\'s IANA name such as "Europe/Oslo", or "UTC"')
_code = _text(
    re.compile(r"[\x21-\x7e]{1,100}").fullmatch,
    "expected a vendor's code: at most 100 printable ASCII characters, no blanks",
)
_listen = _text(_is_listen, 'expected host:port, such as "127.0.0.1:8077" or "[::1]:8077"')


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


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    length = duration(value) if isinstance(value, str) else None
    if length is not None and length <= LONGEST_DURATION:
        return length
    raise PydanticCustomError("duration", 'expected a duration such as "30s", "1m30s", "24h" or "7d", at most 3650d')


def _positive(length: timedelta) -> timedelta:
    if length > timedelta():
        return length
    raise PydanticCustomError("duration", "expected a duration above zero")


def _late_after(length: timedelta) -> timedelta:
    if length >= MINUTE:
        return length
    raise PydanticCustomError("duration", "expected a duration of at least 1m")


def _short(length: timedelta) -> timedelta:
    if length <= MINUTE:
        return length
    raise PydanticCustomError("duration", "expected a duration of at most 1m")


# requirement R18.2
def _probe_interval(length: timedelta) -> timedelta:
    if length >= SHORTEST_INTERVAL:
        return length
    raise PydanticCustomError("interval", "expected at least 15m: probes must leave the vendor's quota to the syncs")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
ShortDuration = Annotated[PositiveDuration, AfterValidator(_short)]
LateAfter = Annotated[Duration, AfterValidator(_late_after)]
ProbeInterval = Annotated[Duration, AfterValidator(_probe_interval)]
Identifier = Annotated[str, BeforeValidator(_text(re.compile(_NAME).fullmatch, _NAMED))]
OptionalIdentifier = Annotated[str, BeforeValidator(_text(re.compile(f"({_NAME})?").fullmatch, _NAMED))]
TypeName = Annotated[str, BeforeValidator(_type_name)]
InstallationName = Annotated[str, BeforeValidator(_text(INSTALLATION.fullmatch, EXPECTED_INSTALLATION))]
Target = Annotated[str, BeforeValidator(_target)]
Listen = Annotated[str, BeforeValidator(_listen)]
Address = Annotated[str, BeforeValidator(_address)]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database_address)]
SecretAddress = Annotated[SecretStr, AfterValidator(_secret_address)]
Method = Annotated[str, BeforeValidator(_one_of("HEAD", "GET", "OPTIONS", "POST"))]
SafeMethod = Annotated[str, BeforeValidator(_one_of("GET", "HEAD", "OPTIONS"))]
Flavour = Annotated[str, BeforeValidator(_one_of("", *(one for flavours in FLAVOURS.values() for one in flavours)))]
ChannelName = Annotated[str, BeforeValidator(_channel_name)]
ReportName = Annotated[str, BeforeValidator(_report_name)]
TimeOfDay = Annotated[str, BeforeValidator(_time_of_day)]
ZoneName = Annotated[str, BeforeValidator(_zone_name)]
Code = Annotated[str, BeforeValidator(_code)]
SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
