"""The log of a program that Synkron runs in: of that, only the lines of the logger ``synkron`` are Synkron's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from traceback import format_exception

from synkron.settings.redaction import Redaction, Secret


@contextmanager
def without_secrets(secrets: Iterable[Secret]) -> Iterator[None]:
    """Meanwhile, remove the secrets from each line that Synkron logs, and from its facts and its traceback."""
    hide = Redaction(secrets).hide

    def hidden(record: logging.LogRecord) -> bool:
        record.msg, record.args = "%s", (hide(record.getMessage()),)
        facts: dict[str, object] = getattr(record, "facts", {})
        record.facts = {key: hide(value) if isinstance(value, str) else value for key, value in facts.items()}
        if isinstance(record.exc_info, tuple):
            # Where there is this text, a formatter does not make its own.
            record.exc_text = hide("".join(format_exception(record.exc_info[1]))).rstrip("\n")
        return True

    ours = logging.getLogger("synkron")
    ours.addFilter(hidden)
    try:
        yield
    finally:
        ours.removeFilter(hidden)
