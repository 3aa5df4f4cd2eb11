"""Addresses from the settings, kept byte for byte: a query may be signed, and `%2F` differs from `/`."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from yarl import URL

from synkron.settings.secrets import SECRET_LENGTH, fault

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


def read_address(key: str, text: str) -> URL:
    """An address without a user or password. Raises SettingsError, naming ``key``."""
    try:
        address = exact_url(text)
    except ValueError:
        raise fault(key, 'this is not an address; expected one such as "https://example.com/sync"') from None
    if address.raw_user is not None or address.raw_password is not None:
        raise fault(
            key,
            "an address in the settings must not contain a user or password; remove them, and send them in a header: "
            'headers = { Authorization = "env:NAME" }',
        )
    return address


def query_secrets(address: URL) -> list[SecretStr]:
    """The query as a whole, and each of its values that may be a key."""
    values = [value for value in address.query.values() if len(value) >= SECRET_LENGTH]
    return [SecretStr(text) for text in (address.raw_query_string, address.query_string, *values) if text]
