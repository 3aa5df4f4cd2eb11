"""What the answer to a probe shows. Pure: an answer in, a sample out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from synkron.http import BODY_LIMIT, json_in, retry_after, status_text
from synkron.model import recorded_status
from synkron.vendors.health import FURTHEST_RESET, Contact, Sample, Verdict, Watch
from synkron.vendors.probe.request import method_after
from synkron.vendors.throttling import VendorError, errors_in

NOT_SERVED = frozenset({405, 501})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with at most 64 KiB of its body. ``broken`` says why the body is incomplete, if it is."""

    method: str
    is_authorized: bool
    status: int
    headers: Mapping[str, str]
    content: bytes
    latency: timedelta
    broken: str | None = None


def read_answer(answer: Answer, watch: Watch, at: datetime, excerpt: Callable[[str], str]) -> Sample:
    """What the answer to a probe sent at that moment shows. ``excerpt`` makes the vendor's text safe to store."""
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
            finding, reason = Verdict.DEGRADED, f"{reason}, after {answer.latency.total_seconds():.1f} s"
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
    """The method for the next probes; None for no change."""
    if answer.status in NOT_SERVED:
        return method_after(answer.method, answer.headers.get("Allow", ""))
    return answer.method if answer.status < 500 else None


def _finding(answer: Answer, codes: list[str]) -> tuple[Verdict, str]:
    said = status_text(answer.status)
    if answer.status in NOT_SERVED:
        return Verdict.HEALTHY, f"{said} to a {answer.method}: it is reachable"
    if not 200 <= answer.status < 500:
        return Verdict.UNREACHABLE, said
    if not answer.is_authorized:
        return Verdict.HEALTHY, said if answer.status < 300 else f"{said}: it is reachable"
    if answer.status in (401, 403):
        return Verdict.UNAUTHORIZED, f"{said}: the vendor refuses the probe's credentials"
    if 300 <= answer.status < 400:
        return Verdict.DEGRADED, f"{said}: redirects are not followed; set health.url to the address it redirects to"
    if answer.status >= 400:
        return Verdict.HEALTHY, f"{said}: it is reachable"
    return _read_body(answer, codes, said)


def _read_body(answer: Answer, codes: list[str], said: str) -> tuple[Verdict, str]:
    """What the body shows if a probe with credentials got a good status. JSON is expected."""
    if answer.method in ("HEAD", "OPTIONS") or answer.status == 204:
        return Verdict.HEALTHY, said
    if answer.broken is not None:
        return Verdict.DEGRADED, f"{said}, but {answer.broken}"
    if len(answer.content) >= BODY_LIMIT:
        return Verdict.DEGRADED, f"{said}, but the answer is longer than 64 KiB"
    if codes:
        return Verdict.DEGRADED, f"{said}, but with errors: {', '.join(codes[:3])}"
    if json_in(answer.content) is None:
        return Verdict.DEGRADED, f"{said}, but the answer is not JSON"
    return Verdict.HEALTHY, said


def _reset(errors: list[VendorError], received: datetime) -> datetime | None:
    """The latest reset that is named. Resets in the past or too far in the future are ignored."""
    named = [one.resets_at for one in errors if one.resets_at is not None]
    return max((moment for moment in named if received < moment <= received + FURTHEST_RESET), default=None)


def _waited(headers: Mapping[str, str], received: datetime) -> datetime | None:
    wait = retry_after(headers, FURTHEST_RESET * 2)
    return received + wait if wait is not None and timedelta() < wait <= FURTHEST_RESET else None
