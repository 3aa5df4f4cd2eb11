"""The demo's vendors: they check what they get, fail now and then, and answer their probes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from standardwebhooks import Webhook

from synkron.cli.demo.fleet import REFUSED
from synkron.cli.demo.vendors import CREDENTIAL, LATENCY, Vendors, vendor_endpoints
from synkron.delivery.targets import open_targets
from synkron.delivery.targets.request import body
from synkron.ledger.keys import idempotency_key
from synkron.model import OutcomeKind
from synkron.runtime import wall_clock
from synkron.settings.integrations import BUILT_IN
from synkron.settings.load import Settings
from synkron.vendors.health import Health, Verdict, Watch
from synkron.vendors.probe.prober import open_prober
from synkron.vendors.watches import read_watches
from tests.delivery.targets.far_side import INSTALLATION, RUN, terms

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
AT_ONCE = dict.fromkeys(LATENCY, (0.0, 0.0))
RUNS = [
    replace(RUN, id=number, key=idempotency_key(INSTALLATION, f"integration-{number}", RUN.scheduled_for))
    for number in range(500)
]


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with vendor_endpoints(AT_ONCE) as listening:
        yield listening


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def settings_for(vendors: Vendors) -> Settings:
    return Settings().model_copy(update={"types": vendors.types})


def signed(vendors: Vendors, content: bytes, key: str = RUN.key) -> dict[str, str]:
    now = wall_clock()
    return {
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(vendors.secret).sign(key, now, content.decode()),
    }


def test_each_built_in_type_has_a_vendor(vendors: Vendors) -> None:
    assert LATENCY.keys() == vendors.types.keys() == BUILT_IN.keys()


async def test_what_synkron_sends_is_accepted_and_remembered(vendors: Vendors) -> None:
    async with open_targets(settings_for(vendors), vendors.environment) as targets:
        outcomes = [(await targets[name].call(replace(RUN, key=f"run-{name}"), terms())).kind for name in LATENCY]
    assert outcomes == [OutcomeKind.SUCCEEDED] * 3
    assert vendors.successes == {f"run-{name}": 1 for name in LATENCY}


async def test_one_run_fails_for_good_and_succeeds_when_it_is_retried(vendors: Vendors) -> None:
    refused = [replace(RUN, key=f"key-{number}", integration_id=str(REFUSED.id)) for number in (1, 2)]
    async with open_targets(settings_for(vendors), vendors.environment) as targets:
        outcomes = [await targets["dynamics"].call(run, terms()) for run in (*refused, refused[0])]
    assert [one.kind for one in outcomes] == [OutcomeKind.FINAL, OutcomeKind.SUCCEEDED, OutcomeKind.SUCCEEDED]
    assert "synkron runs retry" in (outcomes[0].error or "")


async def test_about_one_run_in_25_fails_at_first_and_never_at_its_second_attempt(vendors: Vendors) -> None:
    async with open_targets(settings_for(vendors), vendors.environment) as targets:
        first = [await targets["bufdir"].call(run, terms()) for run in RUNS]
        failed = [run for run, outcome in zip(RUNS, first, strict=True) if outcome.kind is not OutcomeKind.SUCCEEDED]
        again = [await targets["bufdir"].call(replace(run, attempt=2), terms()) for run in failed]
    assert 10 <= len(failed) <= 30
    failures = [outcome for outcome in first if outcome.kind is not OutcomeKind.SUCCEEDED]
    assert {outcome.kind for outcome in failures} == {OutcomeKind.RETRYABLE}
    assert {outcome.http_status for outcome in failures} == {500, 503, 429}
    assert {outcome.retry_after for outcome in failures} == {timedelta(seconds=1)}
    assert {outcome.kind for outcome in again} == {OutcomeKind.SUCCEEDED}
    assert set(vendors.successes.values()) == {1}


async def test_which_runs_fail_is_the_same_for_ever(vendors: Vendors) -> None:
    async with (
        vendor_endpoints(AT_ONCE) as others,
        open_targets(settings_for(vendors), vendors.environment) as targets,
        open_targets(settings_for(others), others.environment) as other_targets,
    ):
        for run in RUNS[:100]:
            assert await targets["xledger"].call(run, terms()) == await other_targets["xledger"].call(run, terms())
    assert vendors.successes == others.successes


async def test_a_run_that_comes_again_after_its_success_is_answered_and_counted(
    vendors: Vendors, client: aiohttp.ClientSession
) -> None:
    content = body(RUN)
    answers = []
    for _ in range(3):
        async with client.post(vendors.url("xledger/sync"), data=content, headers=signed(vendors, content)) as response:
            answers.append((response.status, await response.json()))
    assert answers == [(200, {"repeated": False}), (200, {"repeated": True}), (200, {"repeated": True})]
    assert vendors.successes == {RUN.key: 3}


@pytest.mark.parametrize(
    ("without", "content", "status", "error"),
    [
        ("Idempotency-Key", body(RUN), 400, "the header Idempotency-Key is missing"),
        ("webhook-signature", body(RUN), 401, "the signature is missing or wrong"),
        ("webhook-timestamp", body(RUN), 401, "the signature is missing or wrong"),
        (None, b"{}", 400, "the body is not a run"),
        (None, b"run 4711, please", 400, "the body is not a run"),
        (None, b"[4711]", 400, "the body is not a run"),
    ],
)
async def test_a_request_that_is_refused(
    without: str | None, content: bytes, status: int, error: str, vendors: Vendors, client: aiohttp.ClientSession
) -> None:
    headers = {name: value for name, value in signed(vendors, content).items() if name != without}
    async with client.post(vendors.url("xledger/sync"), data=content, headers=headers) as response:
        assert (response.status, await response.json()) == (status, {"error": error})
    assert not vendors.successes


@pytest.mark.parametrize("signature", ["", "v1,", "v1,AAAA", "nonsense", "v1,æøå", "v2,AAAA v1"])
async def test_a_wrong_signature(signature: str, vendors: Vendors, client: aiohttp.ClientSession) -> None:
    headers = signed(vendors, body(RUN)) | {"webhook-signature": signature}
    async with client.post(vendors.url("xledger/sync"), data=body(RUN), headers=headers) as response:
        assert response.status == 401
    assert not vendors.successes


async def test_the_probes_are_answered_where_they_carry_the_credential(vendors: Vendors) -> None:
    assert await probed(vendors, vendors.environment) == dict.fromkeys(LATENCY, Verdict.HEALTHY)
    refused = await probed(vendors, vendors.environment | {CREDENTIAL: "another"})
    assert refused == {
        "xledger": Verdict.UNAUTHORIZED,
        "dynamics": Verdict.UNAUTHORIZED,
        "bufdir": Verdict.HEALTHY,
    }


async def probed(vendors: Vendors, environment: dict[str, str]) -> dict[str, Verdict]:
    """What one probe of each vendor finds."""
    watches = read_watches(settings_for(vendors), environment)
    async with open_prober(watches.requests) as prober:
        return {
            ",".join(watch.integration_types): (await prober.probe(watch, unknown(watch), NOON)).finding
            for watch in watches.watches
        }


def unknown(watch: Watch) -> Health:
    return Health(watch.endpoint, watch.integration_types, Verdict.UNKNOWN, "", None, NOON)
