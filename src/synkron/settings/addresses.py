"""Addresses from the settings, kept byte for byte: a query may be signed, and `%2F` differs from `/`."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from yarl import URL

from synkron.errors import SettingsError
from synkron.settings.redaction import SECRET_LENGTH

# The characters that a request's first line may contain. Others are escaped; escapes stay as they are.
_SENT_AS_IT_IS = "".join(character for character in map(chr, range(0x21, 0x7F)) if character not in '"#<>\\^`{|}')


def exact_url(text: str) -> URL:
    """The address with its path and query exactly as written. Raises ValueError.

    ``URL(text)`` rewrites them: it decodes escapes that are not needed.
    """
    url, parts = URL(text), urlsplit(text)
    if not url.host:
        raise ValueError("an address without a host")
    path, query = (quote(part, safe=_SENT_AS_IT_IS) for part in (parts.path or "/", parts.query))
    return URL.build(scheme=url.scheme, authority=url.raw_authority, path=path, query_string=query, encoded=True)


def fault_in_address(text: str) -> str | None:
    """Why this is not an address of host, port and path alone, or None if it is. Shows nothing of it."""
    if not text.isprintable() or " " in text:
        return "it contains a line break, a blank or a control character"
    try:
        url = URL(text)
        host, port = url.host, url.explicit_port
    except ValueError:
        return "it can't be read as a URL"
    if url.scheme not in ("http", "https"):
        return "it begins with neither https:// nor http://"
    if not host or port == 0:
        return "it names no host" if not host else "its port is 0"
    if url.raw_user is not None or url.raw_password is not None:
        return "it contains a user or a password"
    return "it contains a query or a fragment" if url.raw_query_string or url.raw_fragment else None


def read_address(key: str, text: str) -> URL:
    """An address without a user or password. Raises SettingsError, naming ``key``."""
    try:
        address = exact_url(text)
    except ValueError:
        expected = 'this is not an address; expected one such as "https://example.com/sync"'
        raise SettingsError([f"{key}: {expected}"]) from None
    if address.raw_user is not None or address.raw_password is not None:
        remedy = 'remove them, and send them in a header: headers = { Authorization = "env:NAME" }'
        raise SettingsError([f"{key}: an address in the settings must not contain a user or password; {remedy}"])
    return address


def query_secrets(address: URL) -> list[SecretStr]:
    """The query as a whole, and each of its values that may be a key."""
    values = [value for value in address.query.values() if len(value) >= SECRET_LENGTH]
    return [SecretStr(text) for text in (address.raw_query_string, address.query_string, *values) if text]
