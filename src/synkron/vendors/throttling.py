"""The errors in the body of a vendor's answer, in the form of GraphQL, and those that mean "too many requests"."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from synkron.http import json_in

MOST = 100


@dataclass(frozen=True, slots=True)
class VendorError:
    """One error's code, empty if it has none, and when the vendor will accept requests again, if it says so."""

    code: str
    resets_at: datetime | None


def refusal_in(body: bytes, codes: Container[str]) -> VendorError | None:
    """The first error in the body that has one of the ``codes``; None for any other body."""
    # Nearly all answers have no errors, and parsing them would be a busy worker's most expensive step.
    if b'"errors"' not in body:
        return None
    return next((one for one in errors_in(body) if one.code in codes), None)


def errors_in(body: bytes) -> Iterator[VendorError]:
    """The ``errors`` of a JSON body, at most 100. An error with two codes is returned twice.

    ``code`` and ``resetAt`` (ISO 8601, in UTC if it names no zone) are in the error or in its ``extensions``.
    """
    answer = json_in(body)
    errors = answer.get("errors") if isinstance(answer, dict) else None
    for error in islice(errors if isinstance(errors, list) else (), MOST):
        places = [error, error.get("extensions")] if isinstance(error, dict) else []
        found = [place for place in places if isinstance(place, dict)]
        resets_at = next((moment for place in found if (moment := _instant(place.get("resetAt")))), None)
        codes = [code for place in found if isinstance(code := place.get("code"), str)]
        for code in codes or [""]:
            yield VendorError(code, resets_at)


def _instant(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            return moment and moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
