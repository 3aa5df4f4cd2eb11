"""What the answer to a probe shows. Pure: an answer in, a sample out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.http.answer import BODY_LIMIT, retry_after, status_text
from synkron.http.status import recorded_status
from synkron.vendors.health import FURTHEST_RESET, Contact, Sample, Verdict, Watch
from synkron.vendors.probe.request import method_after
from synkron.vendors.throttling import VendorError, errors_in

NOT_SERVED = frozenset({405, 501})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, of whose body at most 64 KiB are kept. ``broken`` says why its body has no end, where it has none."""

    method: str
    is_authorized: bool
    status: int
    headers: Mapping[str, str]
    content: bytes
    latency: timedelta
    broken: str | None = None


def read_answer(answer: Answer, watch: Watch, at: datetime, excerpt: Callable[[str], str]) -> Sample:
    """What the answer to a probe that was sent at that moment shows; ``excerpt`` makes the vendor's words fit."""
    errors = list(errors_in(answer.content))
    code = next((one.code for one in errors if one.code in watch.throttled_codes), None)
    received = at + answer.latency
    resets_at = rest = None
    if answer.status == 429 or code is not None:
        finding = Verdict.THROTTLED
        reason = (
            status_text(answer.status) if code is None else f"the answer (HTTP {answer.status}) says {excerpt(code)}"
        )
        resets_at = _reset(errors, received) or _waited(answer.headers, received)
        rest = None if code is None else watch.throttled_codes[code]
    else:
        finding, reason = _finding(answer, [excerpt(one.code) or "an error without a code" for one in errors])
        if finding is Verdict.HEALTHY and answer.latency > watch.slow_after:
            finding, reason = Verdict.DEGRADED, f"{reason}, after {_seconds(answer.latency)}"
    return Sample(
        at=at,
        source=Contact.PROBE,
        finding=finding,
        reason=reason,
        latency=answer.latency,
        http_status=recorded_status(answer.status),
        resets_at=resets_at,
        rest=rest,
        method=method_to_keep(answer),
    )


def method_to_keep(answer: Answer) -> str | None:
    """What probes are to use from here on."""
    if answer.status in NOT_SERVED:
        return method_after(answer.method, answer.headers.get("Allow", ""))
    return answer.method if answer.status < 500 else None


def _finding(answer: Answer, codes: list[str]) -> tuple[Verdict, str]:
    said = status_text(answer.status)
    if answer.status in NOT_SERVED:
        return Verdict.HEALTHY, f"{said} to a {answer.method}: it is there"
    if not 200 <= answer.status < 500:
        return Verdict.UNREACHABLE, said
    if not answer.is_authorized:
        return Verdict.HEALTHY, said if answer.status < 300 else f"{said}: it is there"
    if answer.status in (401, 403):
        return Verdict.UNAUTHORIZED, f"{said}: the credentials of the probe are refused"
    if 300 <= answer.status < 400:
        return Verdict.DEGRADED, f"{said}: it leads elsewhere, and redirects are not followed; set health.url to there"
    if answer.status >= 400:
        return Verdict.HEALTHY, f"{said}: it is there"
    return _read_body(answer, codes, said)


def _read_body(answer: Answer, codes: list[str], said: str) -> tuple[Verdict, str]:
    """What the body of a good answer to a probe with credentials shows: JSON is expected."""
    if answer.method in ("HEAD", "OPTIONS") or answer.status == 204:
        return Verdict.HEALTHY, said
    if answer.broken is not None:
        return Verdict.DEGRADED, f"{said}, but {answer.broken}"
    if len(answer.content) >= BODY_LIMIT:
        return Verdict.DEGRADED, f"{said}, but the answer is longer than 64 KiB"
    if codes:
        return Verdict.DEGRADED, f"{said}, but with errors: {', '.join(codes[:3])}"
    if _parsed(answer.content) is None:
        return Verdict.DEGRADED, f"{said}, but the answer is not JSON"
    return Verdict.HEALTHY, said


def _reset(errors: list[VendorError], received: datetime) -> datetime | None:
    """The latest that is named; one that has passed, or lies too far ahead, is as if it were not there."""
    named = [one.resets_at for one in errors if one.resets_at is not None]
    return max((moment for moment in named if received < moment <= received + FURTHEST_RESET), default=None)


def _waited(headers: Mapping[str, str], received: datetime) -> datetime | None:
    wait = retry_after(headers, FURTHEST_RESET * 2)
    return received + wait if wait is not None and timedelta() < wait <= FURTHEST_RESET else None


def _parsed(content: bytes) -> object:
    """The body as JSON; None if it is none. A body that says ``null`` says nothing either."""
    try:
        parsed: object = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return parsed


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
