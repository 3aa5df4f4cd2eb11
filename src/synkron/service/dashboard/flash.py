"""A message that the next page shows once: what an action did. It travels in a cookie."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass

from synkron.text import is_storable

FLASH = "synkron_flash"
# Characters of text. A cookie may have 4,096 bytes.
LONGEST = 600


@dataclass(frozen=True, slots=True)
class Flash:
    """A sentence, and whether it tells of something that was refused: then it is in English, but for the ``advice``."""

    text: str
    is_refusal: bool = False
    advice: str = ""

    def as_cookie(self) -> str:
        """The message as the value of a cookie."""
        return urlsafe_b64encode(
            json.dumps([self.text[:LONGEST], self.is_refusal, self.advice[:LONGEST]]).encode()
        ).decode()


def read_flash(cookie: str | None) -> Flash | None:
    """The message of a cookie; None for any other text."""
    if cookie is None:
        return None
    with suppress(ValueError, TypeError, RecursionError):
        text, is_refusal, advice = json.loads(urlsafe_b64decode(cookie))
        if all(isinstance(one, str) and is_storable(one) for one in (text, advice)):
            return Flash(text[:LONGEST], bool(is_refusal), advice[:LONGEST])
    return None
