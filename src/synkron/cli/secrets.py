"""The secrets that this process has read: all that it writes to stderr passes here, and shows none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synkron.settings.redaction import Redaction, Secret

_known: list[Redaction] = []


def hide(secrets: Iterable[Secret]) -> None:
    """From now on, show none of these."""
    from synkron.settings.redaction import Redaction

    _known[:] = [Redaction(secrets)]


def without_secrets(text: str) -> str:
    """The text without the secrets that are known by now."""
    return _known[0].hide(text) if _known else text
