"""What an HTTP answer means for a run: that it succeeded, is accepted, is to be tried again, or has failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from synkron.delivery.recordable import LONGEST_RETRY_AFTER
from synkron.delivery.targets.uptime import answered_at
from synkron.http import retry_after, status_text
from synkron.model import Outcome, OutcomeKind
from synkron.vendors.throttling import VendorError

TOO_MANY_REQUESTS = 429
RETRYABLE_STATUSES = frozenset({408, 409, 425, TOO_MANY_REQUESTS})


def outcome_of(status: int, headers: Mapping[str, str]) -> Outcome:
    """What an HTTP answer means for the run."""
    if status == 202:
        return Outcome(OutcomeKind.ACCEPTED, status)
    if 200 <= status < 300:
        return Outcome(OutcomeKind.SUCCEEDED, status)
    error = status_text(status)
    if 300 <= status < 400:
        return Outcome(
            OutcomeKind.FINAL,
            status,
            f"{error}: redirects are not followed, because they could send secrets to another host; "
            "set the target to the address that it redirects to",
        )
    if 400 <= status < 500 and status not in RETRYABLE_STATUSES:
        return Outcome(OutcomeKind.FINAL, status, error)
    return Outcome(
        OutcomeKind.RETRYABLE,
        status,
        error,
        retry_after(headers, LONGEST_RETRY_AFTER),
        is_throttled=status == TOO_MANY_REQUESTS,
    )


def refused(
    answer: Outcome, refusal: VendorError, wait: timedelta, headers: Mapping[str, str], at: datetime
) -> Outcome:
    """The outcome if the body contains a vendor's refusal: whatever the status, the export was not done.

    The wait lasts until the reset that the vendor names, if that is after the answer's Date (without one: ``at``). Else
    it is the answer's Retry-After, else ``wait``.
    """
    until = answered_at(headers, at)
    if refusal.resets_at is not None and refusal.resets_at > until:
        wait = min(refusal.resets_at - until, LONGEST_RETRY_AFTER)
    elif answer.retry_after is not None:
        wait = answer.retry_after
    error = f"throttled: {refusal.code} in the body of an HTTP {answer.http_status}"
    return Outcome(OutcomeKind.RETRYABLE, answer.http_status, error, wait, is_throttled=True)
