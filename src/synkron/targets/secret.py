"""Secrets: read from where the settings point, and kept out of every text that comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from synkron.errors import SettingsError
from synkron.text import one_line

EXCERPT_LENGTH = 300
REDACTED = "[redacted]"


def is_reference(text: str) -> bool:
    """Whether the text points to a secret (``env:NAME`` or ``file:PATH``)."""
    return text.startswith(("env:", "file:"))


def read_secret(key: str, reference: str, environment: Mapping[str, str]) -> SecretStr:
    """The secret that the reference points to, without the blanks around it. Raises SettingsError, naming ``key``."""
    kind, _, place = reference.partition(":")
    if kind == "env":
        if place not in environment:
            raise fault(key, f"there is no environment variable {place}; set it, or correct the name")
        found = environment[place].strip()
    else:
        try:
            found = Path(place).read_text("utf-8").strip()
        except OSError as error:
            raise fault(key, f"the file {place} can't be read ({error.strerror}); correct the path") from None
        except ValueError:
            raise fault(key, f"the file {place} does not hold UTF-8 text; correct the path") from None
    if not found:
        raise fault(key, f"{reference} is empty; put the secret there, or take the setting out")
    return SecretStr(found)


def fault(key: str, message: str) -> SettingsError:
    """One fault of the settings, at ``key``."""
    return SettingsError([f"{key}: {message}"])


@contextmanager
def gathering(faults: list[str]) -> Iterator[None]:
    """Add the faults found inside to ``faults``, and go on."""
    try:
        yield
    except SettingsError as error:
        faults += error.faults


class Redaction:
    """Makes text from the far side fit to be kept: one short printable line without the configured secrets."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        forms = {form for secret in secrets for form in _forms(secret.get_secret_value())}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def excerpt(self, text: str) -> str:
        """At most 300 characters of the text. A secret is taken out before the text is cut."""
        return one_line(self.hide(text), EXCERPT_LENGTH)

    def hide(self, text: str) -> str:
        """The text without the secrets."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)


def _forms(secret: str) -> set[str]:
    """The secret as it may be shown: whole, without its scheme or prefix, and escaped in any common way."""
    bare = {secret, secret.split()[-1], secret.removeprefix("whsec_")}
    return bare.union(*({json.dumps(form)[1:-1], repr(form)[1:-1], quote(form), quote(form, safe="")} for form in bare))
