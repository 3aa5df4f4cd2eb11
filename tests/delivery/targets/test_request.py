"""What an endpoint is sent, as a real server receives it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.request import body
from synkron.model import Outcome, OutcomeKind, Source
from synkron.runtime import wall_clock
from synkron.settings.load import Settings
from tests.delivery.targets.far_side import ENDED, RUN, SIGNING, accept, delivered, far_side, target_at, terms


def test_the_body_tells_the_run() -> None:
    assert body(RUN) == (
        b'{"run_id": 4711, "idempotency_key": "' + RUN.key.encode() + b'", '
        b'"org_id": "organization-1", "integration_id": "integration-1", "integration_type": "xledger", '
        b'"source": "schedule", "scheduled_for": "2026-03-29T01:00:00Z", "period_start": "2026-03-28T01:00:00Z", '
        b'"period_end": "2026-03-29T01:00:00Z", "attempt": 1}'
    )


def test_the_body_of_a_first_period_has_no_start_and_every_instant_is_in_utc() -> None:
    oslo = datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=2)))
    told = json.loads(body(replace(RUN, period_start=None, scheduled_for=oslo, source=Source.CATCH_UP)))
    assert told["period_start"] is None
    assert told["scheduled_for"] == "2026-03-29T01:00:00Z"
    assert told["source"] == "catch_up"


async def test_what_is_sent() -> None:
    headers = {"Authorization": "env:TOKEN", "X-Tenant": "nordlys"}
    async with delivered(headers=headers) as (target, there):
        assert await target.call(RUN, terms()) == Outcome(OutcomeKind.SUCCEEDED, 200)
    [request] = there.requests
    assert request.path == "/sync?tenant=7"
    assert request.body == body(RUN)
    sent = dict(request.headers)
    assert re.fullmatch(r"synkron(/\d+\.\d+\.\d+)?", sent.pop("User-Agent"))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", sent.pop("traceparent"))
    assert sent == {
        "Host": there.url.removeprefix("http://"),
        "Authorization": "Bearer t0ken",
        "X-Tenant": "nordlys",
        "Content-Type": "application/json",
        "Content-Length": str(len(body(RUN))),
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Idempotency-Key": RUN.key,
    }


async def test_a_configured_user_agent_takes_the_place_of_synkron_s() -> None:
    async with delivered(headers={"user-agent": "nordlys/7"}) as (target, there):
        await target.call(RUN, terms())
    assert there.requests[0].headers.getall("User-Agent") == ["nordlys/7"]


# requirement R17.1
async def test_the_attempts_of_a_run_are_spans_of_one_trace_with_one_key() -> None:
    other = replace(RUN, key="another run's key")
    async with delivered() as (target, there):
        for run in (RUN, replace(RUN, attempt=2), other):
            await target.call(run, terms())
    traces = [request.headers["traceparent"].split("-") for request in there.requests]
    first, second, third = [(trace, span) for _, trace, span, _ in traces]
    assert first[0] == second[0] != third[0]
    assert len({first[1], second[1], third[1]}) == 3
    assert [request.headers["Idempotency-Key"] for request in there.requests] == [RUN.key, RUN.key, other.key]


async def test_the_signature_is_what_standard_webhooks_verifies() -> None:
    async with delivered(secret="env:SIGNING") as (target, there):
        await target.call(RUN, terms())
    [request] = there.requests
    assert Webhook(SIGNING).verify(request.body, dict(request.headers)) == json.loads(body(RUN))
    assert request.headers["webhook-id"] == RUN.key
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING).verify(request.body + b" ", dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 40).verify(request.body, dict(request.headers))


async def test_the_signature_bears_the_instant_of_the_attempt_whatever_its_zone() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    async with far_side(accept) as there:
        settings = Settings(types={"xledger": {"target": there.url, "secret": "env:SIGNING"}})
        async with open_targets(settings, {"SIGNING": SIGNING}) as targets:
            await targets["xledger"].call(RUN, terms(at=wall_clock().astimezone(nepal)))
    [request] = there.requests
    Webhook(SIGNING).verify(request.body, dict(request.headers))


async def test_without_a_secret_nothing_is_signed() -> None:
    async with delivered() as (target, there):
        await target.call(RUN, terms())
    assert not [name for name in there.requests[0].headers if name.lower().startswith("webhook")]


def test_the_wall_clock_is_in_utc() -> None:
    assert wall_clock().tzinfo is UTC


async def test_a_connection_that_is_there_too_late_sends_nothing() -> None:
    """The run may be another worker's by then: not a byte of the request leaves, on a new connection or a kept one."""
    async with delivered() as (target, there):
        assert (await target.call(RUN, terms(lease=ENDED))).kind is OutcomeKind.RETRYABLE
        assert there.requests == []
        assert (await target.call(RUN, terms())).kind is OutcomeKind.SUCCEEDED
        outcome = await target.call(RUN, terms(lease=ENDED))
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.error == f"not sent: the connection to {there.url.removeprefix('http://')} came too late"
    assert len(there.requests) == 1


async def test_an_unsent_request_leaves_no_byte_on_the_wire() -> None:
    received = asyncio.Future[bytes]()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    async with server, target_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sync") as target:
        await target.call(RUN, terms(lease=ENDED))
        assert await received == b""
