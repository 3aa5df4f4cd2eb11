"""Removes secrets from text, in every form in which they may appear. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from synkron.text import one_line

if TYPE_CHECKING:
    from pydantic import SecretStr

EXCERPT_LENGTH = 300
REDACTED = "[redacted]"


class Redaction:
    """Removes these secrets."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
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


def _forms(secret: str) -> set[str]:
    """The forms in which a secret may appear: whole, without its scheme or prefix, and escaped in the common ways."""
    bare = {secret, secret.split()[-1], secret.removeprefix("whsec_")}
    return bare.union(*({json.dumps(form)[1:-1], repr(form)[1:-1], quote(form), quote(form, safe="")} for form in bare))
