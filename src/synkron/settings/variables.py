"""Variables that are nearly one that Synkron reads: a slip of the hand must not leave a setting at its default."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

PREFIX = "SYNKRON_"
# How alike two names are: SOURSE and SOURCE 0.833; HEARTBEAT_PORT, which Kubernetes sets in the pods beside a service
# named synkron-heartbeat, and HEARTBEAT_URL 0.815.
ALIKE = 0.83


def misspelt(environment: Mapping[str, str], known: Collection[str], text: str) -> Iterator[str]:
    """A sentence for each variable that is nearly, but not, a known one.

    ``known`` are the names without the prefix, and of a section its first part. What ``text``, or a variable, refers to
    as ``env:NAME`` may have any name.
    """
    meant = set(re.findall(r"\benv:(\w+)", "\n".join([text, *environment.values()])))
    for name in sorted(environment):
        first, mark, rest = name.upper().removeprefix(PREFIX).partition("__")
        if name in meant or not name.upper().startswith(PREFIX) or first in known:
            continue
        for near in get_close_matches(first, known, 1, ALIKE):
            yield f"{name}: Synkron has no variable of this name; did you mean {PREFIX}{near}{mark}{rest}?"
