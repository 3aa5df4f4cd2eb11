"""Removes secrets from text, in every form in which they may appear. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from synkron.text import one_line

EXCERPT_LENGTH = 300
# A literal of this length may be a secret after all; a shorter one would only deface what is redacted.
SECRET_LENGTH = 8
# A part of an address that is as long may be a key, even without a digit in it.
KEY_LENGTH = 24
REDACTED = "[redacted]"


class Secret(Protocol):
    """What holds a secret, as pydantic's ``SecretStr`` does."""

    def get_secret_value(self) -> str:
        """The secret itself."""
        ...


class Redaction:
    """Removes these secrets."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.get_secret_value())}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def hide(self, text: str) -> str:
        """The text without the secrets."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def excerpt(self, text: str) -> str:
        """Text from a vendor or target, made safe to store: one printable line of at most 300 characters, no secrets.

        Secrets are removed before the text is cut.
        """
        return one_line(self.hide(text), EXCERPT_LENGTH)


def hide_parts(text: str, secret: str, most: int) -> str:
    """The text without those parts of the secret that are longer than ``most`` characters."""
    length = most + 1
    parts = {secret[start : start + length] for start in range(len(secret) - most)}
    is_hidden = [False] * len(text)
    for start in range(len(text) - most):
        if text[start : start + length] in parts:
            is_hidden[start : start + length] = [True] * length
    pieces = groupby(zip(text, is_hidden, strict=True), key=itemgetter(1))
    return "".join(REDACTED if hidden else "".join(one for one, _ in piece) for hidden, piece in pieces)


def _forms(secret: str) -> set[str]:
    """The secret as it may be shown: whole, without its scheme or prefix, and escaped in any common way."""
    import json

    bare = {secret, secret.split()[-1], secret.removeprefix("whsec_")}
    return bare.union(*({json.dumps(form)[1:-1], repr(form)[1:-1], quote(form), quote(form, safe="")} for form in bare))


def keys_in(address: str, names: Collection[str]) -> Iterator[str]:
    """The password, the values of the query, and what may be a key in the path or, as Apprise has it, in front.

    Of these guesses, ``names`` are none.
    """
    try:
        parts = urlsplit(address)
        query = parse_qsl(parts.query)
    except ValueError:
        yield address
        return
    if parts.scheme.startswith("postgres"):
        words = [value for name, value in query if "password" in name]
    else:
        in_front = re.split("[@:]", parts.netloc) if parts.scheme not in ("http", "https") else []
        keys = [part for part in (*in_front, *parts.path.split("/")) if part not in names and _may_be_key(part)]
        words = [parts.query, *(value for _, value in query), *keys]
    if parts.password:
        # A short one may be any word; where it stands in an address, it is hidden too.
        yield f":{parts.password}@"
        words += [parts.password, unquote(parts.password)]
    yield from (word for word in words if len(word) >= SECRET_LENGTH)


def _may_be_key(part: str) -> bool:
    has_digit = any(character.isdigit() for character in part)
    return "." not in part and len(part) >= (SECRET_LENGTH if has_digit else KEY_LENGTH)
