"""Makes the outcome of an attempt (from a server, a callable or a completion) safe to store in the ledger. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from synkron.model import Outcome, OutcomeKind, recorded_status
from synkron.text import one_line

LONGEST_ERROR = 500
LONGEST_VALUE = 60
LONGEST_RETRY_AFTER = timedelta(hours=24)
NO_REASON = "it failed, and no reason was given"
DONE = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.ACCEPTED})


def recordable(outcome: Outcome, fit: Callable[[str], str] = one_line) -> Outcome:
    """The outcome without anything that the ledger would refuse. ``fit`` makes text from outside safe to store.

    The error says what was changed: an invalid status, or a field of the wrong type. An invalid kind makes the outcome
    a failure that is retried.
    """
    given: object = outcome.kind
    kind = next((one for one in OutcomeKind if isinstance(given, str) and one == given), None)
    status = recorded_status(outcome.http_status)
    told = "" if outcome.error is None else fit(_text(outcome.error))
    changes = []
    if kind is None:
        *others, last = OutcomeKind
        must = f"must be {', '.join(others)} or {last}"
        changes.append(f"the outcome's kind is {shown(given, fit)}, but {must}")
    if status != outcome.http_status and (figure := shown(outcome.http_status, fit)) not in told:
        changes.append(f"its status was {figure}")
    if not isinstance(outcome.retry_after, timedelta | None):
        changes.append(f"its retry_after is {shown(outcome.retry_after, fit)}, but must be a timedelta")
    error = f"{'; '.join(changes)}{': ' if changes and told else ''}{told}"
    if not error and kind not in DONE:
        error = NO_REASON
    return Outcome(
        kind=kind or OutcomeKind.RETRYABLE,
        http_status=status,
        error=one_line(error, LONGEST_ERROR) if error else None,
        retry_after=_within(outcome.retry_after, LONGEST_RETRY_AFTER),
        is_throttled=outcome.is_throttled is True,
        uptime=_within(outcome.uptime, timedelta.max),
    )


def shown(value: object, fit: Callable[[str], str] = one_line) -> str:
    """Any value in a few characters, for use in a sentence."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a number of 5,000 digits, or the caller's own code
        text = f"a {type(value).__name__}"
    return one_line(fit(text), LONGEST_VALUE)


def _text(error: object) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - as above
        return shown(error)


def _within(span: object, longest: timedelta) -> timedelta | None:
    return min(max(span, timedelta()), longest) if isinstance(span, timedelta) else None
