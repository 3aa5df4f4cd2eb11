"""What the answer to a probe shows, and which request the settings make."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from synkron.errors import SettingsError
from synkron.settings.load import Settings
from synkron.vendors.health import Health, Sample, Verdict, Watch
from synkron.vendors.probe.answer import Answer, read_answer
from synkron.vendors.probe.request import ProbeRequest, method_for
from synkron.vendors.watches import Watches, read_watches, watches_of

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BURST, CREDITS = "BAD_REQUEST.BURST_RATE_LIMIT_REACHED", "BAD_REQUEST.INSUFFICIENT_CREDITS"
WATCH = Watch(
    "https://vendor.example/",
    ("xledger",),
    True,
    timedelta(minutes=15),
    timedelta(seconds=10),
    timedelta(seconds=5),
    throttled_codes={BURST: timedelta(seconds=5), CREDITS: timedelta(minutes=20)},
)
NEW = Health(WATCH.endpoint, ("xledger",), Verdict.UNKNOWN, "", None, NOON)


def read(
    status: int,
    content: bytes = b"",
    *,
    method: str = "GET",
    authorized: bool = False,
    latency: float = 0.1,
    broken: str | None = None,
    **headers: str,
) -> Sample:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    answer = Answer(method, authorized, status, named, content, timedelta(seconds=latency), broken)
    return read_answer(answer, WATCH, NOON, lambda text: text[:300])


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (200, "healthy"), (204, "healthy"), (301, "healthy"), (307, "healthy"), (400, "healthy"), (401, "healthy"),
        (403, "healthy"), (404, "healthy"), (405, "healthy"), (418, "healthy"), (429, "throttled"),
        (500, "unreachable"), (501, "healthy"), (502, "unreachable"), (503, "unreachable"), (999, "unreachable"),
    ],
)  # fmt: skip
def test_a_status_without_credentials(status: int, finding: str) -> None:
    sample = read(status)
    assert sample.finding == finding
    assert str(status) in sample.reason


@pytest.mark.parametrize(
    ("status", "content", "finding"),
    [
        (200, b'{"data": {"__typename": "Query"}}', "healthy"),
        (200, b'{"value": []}', "healthy"),
        (204, b"", "healthy"),
        (200, b"", "degraded"),
        (200, b"<html>Log in</html>", "degraded"),
        (200, b"\xff\xfe\x00", "degraded"),
        (200, b"[" * 60_000, "degraded"),
        (200, b" " * 65_536, "degraded"),
        (200, b'{"errors": [{"code": "NOT_FOUND"}]}', "degraded"),
        (200, b'{"errors": [{"message": "something"}]}', "degraded"),
        (200, b'{"errors": []}', "healthy"),
        (200, b'{"errors": "many"}', "healthy"),
        (307, b"", "degraded"),
        (401, b"", "unauthorized"),
        (403, b"", "unauthorized"),
        (404, b"", "healthy"),
        (405, b"", "healthy"),
        (429, b"", "throttled"),
        (503, b"", "unreachable"),
    ],
)
def test_an_answer_to_a_probe_with_credentials(status: int, content: bytes, finding: str) -> None:
    assert read(status, content, method="POST", authorized=True).finding == finding


def test_a_body_without_an_end() -> None:
    assert read(200, authorized=True, broken="no end within 10 s").finding == "degraded"
    assert read(200, broken="no end within 10 s").finding == "healthy"


@pytest.mark.parametrize("status", [200, 400, 429, 503])
@pytest.mark.parametrize("authorized", [True, False])
@pytest.mark.parametrize("place", [{"code": CREDITS}, {"extensions": {"code": CREDITS}}])
def test_a_vendor_s_code_in_a_body_is_throttling_whatever_the_status(
    status: int, authorized: bool, place: dict[str, Any]
) -> None:
    content = json.dumps({"errors": [{"code": "OTHER"}, place]}).encode()
    sample = read(status, content, authorized=authorized)
    assert (sample.finding, sample.rest, sample.resets_at) == ("throttled", timedelta(minutes=20), None)
    assert CREDITS in sample.reason


@pytest.mark.parametrize(
    ("named", "minutes"),
    [
        ("2026-06-01T14:00:00Z", 120),
        ("2026-06-01T16:00:00+02:00", 120),
        ("2026-06-01T14:00:00", 120),
        ("2026-07-02T12:00:00Z", 44_640),
        ("2026-09-01T12:00:00Z", None),
        ("2026-06-01T11:59:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (7200, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_the_reset_in_a_body(named: object, minutes: int | None, inside: bool) -> None:
    error = {"code": CREDITS, "extensions": {"resetAt": named}} if inside else {"code": CREDITS, "resetAt": named}
    sample = read(200, json.dumps({"errors": [error]}).encode())
    assert sample.resets_at == (None if minutes is None else NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("Mon, 01 Jun 2026 12:10:00 GMT", 600),
        ("2764800", 2_764_800),
        ("2764801", None),
        ("99999999999999999999", None),
        ("0", None),
        ("-5", None),
        ("later", None),
        ("", None),
    ],
)
def test_the_reset_in_a_header(text: str, seconds: int | None) -> None:
    sample = read(429, Retry_After=text, Date="Mon, 01 Jun 2026 12:00:00 GMT")
    expected = None if seconds is None else NOON + timedelta(seconds=seconds + 0.1)
    assert sample.resets_at == expected


def test_a_slow_answer_is_degraded() -> None:
    assert read(200, latency=5.0).finding == "healthy"
    slow = read(200, latency=5.3)
    assert (slow.finding, "5.3 s" in slow.reason) == ("degraded", True)
    assert read(503, latency=9).finding == "unreachable"


@pytest.mark.parametrize(
    ("method", "status", "allow", "kept"),
    [
        ("HEAD", 200, "", "HEAD"),
        ("HEAD", 405, "DELETE, GET, OPTIONS, PATCH, POST, PUT", "OPTIONS"),
        ("HEAD", 405, "get, post", "GET"),
        ("HEAD", 501, "", "GET"),
        ("OPTIONS", 405, "OPTIONS", "GET"),
        ("OPTIONS", 204, "", "OPTIONS"),
        ("GET", 405, "", "GET"),
        ("GET", 401, "", "GET"),
        ("HEAD", 503, "", None),
    ],
)
def test_the_method_that_is_remembered(method: str, status: int, allow: str, kept: str | None) -> None:
    assert read(status, method=method, Allow=allow).method == kept


@given(st.binary(max_size=300), st.integers(0, 1999), st.booleans(), st.text(max_size=40))
def test_any_answer_shows_something(content: bytes, status: int, authorized: bool, header: str) -> None:
    sample = read(status, content, authorized=authorized, Retry_After=header, Date=header, Allow=header)
    assert sample.reason
    assert sample.http_status is None or 100 <= sample.http_status <= 599


@pytest.mark.parametrize(("status", "kept"), [(99, None), (600, 599), (999, 599)])
def test_a_status_that_is_none_is_no_sign_of_health_and_told(status: int, kept: int | None) -> None:
    sample = read(status)
    assert (sample.finding, sample.http_status, sample.reason) == (Verdict.UNREACHABLE, kept, f"HTTP {status}")


def settings(name: str = "xledger", **health: Any) -> Settings:
    return Settings(types={name: {"health": health}})


def watched(name: str = "xledger", flavour: str = "", **health: Any) -> tuple[Watch, ProbeRequest]:
    types = {name: {"health": health} | ({"flavour": flavour} if flavour else {})}
    watches = read_watches(Settings(types=types), {"TOKEN": "token s3cret-value", "SECRET": "cl1ent-secret"})
    [watch] = watches.watches
    return watch, watches.requests[watch.endpoint]


TOKEN = {"url": "https://login.example/token", "client_id": "me", "client_secret": "env:SECRET"}


def test_without_credentials_the_free_request_goes() -> None:
    watch, request = watched()
    assert (watch.endpoint, request.method, request.body) == ("https://www.xledger.net/", "HEAD", None)
    assert (watch.interval, watch.most_probes, request.is_authorized) == (timedelta(minutes=15), None, False)


def test_with_credentials_the_one_that_is_counted_goes() -> None:
    watch, request = watched(headers={"Authorization": "env:TOKEN"})
    assert (watch.endpoint, request.method) == ("https://www.xledger.net/graphql", "POST")
    assert (watch.interval, watch.allowance, watch.most_probes) == (timedelta(minutes=90), 5000, 500)
    assert request.body is not None
    assert "__typename" in request.body
    assert request.headers == {"Accept-Encoding": "identity", "Content-Type": "application/json"}
    assert "s3cret" not in repr(request)


def test_what_is_set_holds() -> None:
    watch, request = watched(
        headers={"Authorization": "env:TOKEN", "content-type": "application/graphql"},
        url="https://demo.example/graphql?tenant=17",
        body="{ __typename }",
        interval="2h",
        timeout="3s",
        slow_after="1s",
        allowance=1000,
        allowance_share=0.25,
        throttled_codes={"ENOUGH": "1m"},
    )
    assert watch.endpoint == "https://demo.example/graphql"
    assert (watch.interval, watch.timeout, watch.slow_after) == tuple(timedelta(seconds=s) for s in (7200, 3, 1))
    assert (watch.allowance, watch.most_probes) == (1000, 250)
    assert set(watch.throttled_codes) == {"ENOUGH", BURST, CREDITS}
    assert request.body == "{ __typename }"
    assert "Content-Type" not in request.headers


def test_a_method_without_a_body_takes_none_along() -> None:
    _, request = watched(headers={"Authorization": "env:TOKEN"}, method="GET")
    assert (request.method, request.body) == ("GET", None)


@pytest.mark.parametrize(
    ("name", "flavour", "health", "endpoint"),
    [
        ("dynamics", "", {}, "https://api.businesscentral.dynamics.com/v2.0/"),
        ("dynamics", "dataverse", {}, "type dynamics"),
        ("dynamics", "dataverse", {"url": "https://c.example/WhoAmI"}, "https://c.example/WhoAmI"),
        ("dynamics", "dataverse", {"url": "https://c.example/WhoAmI", "token": TOKEN}, "https://c.example/WhoAmI"),
        ("bufdir", "", {}, "https://www.bufdir.no/"),
        ("bufdir", "", {"mode": "passive"}, "type bufdir"),
        ("fiken", "", {}, "type fiken"),
        ("fiken", "", {"url": "https://fiken.example:8443/api?key=abc"}, "https://fiken.example:8443/api"),
        ("fiken", "", {"url": "https://FIKEN.example:443"}, "https://fiken.example/"),
    ],
)
def test_endpoints(name: str, flavour: str, health: dict[str, Any], endpoint: str) -> None:
    types = {name: {"health": health} | ({"flavour": flavour} if flavour else {})}
    watches = read_watches(Settings(types=types), {"SECRET": "x" * 20})
    [watch] = watches.watches
    assert watch.endpoint == endpoint
    assert watch.probes == (endpoint in watches.requests) == (not endpoint.startswith("type "))
    assert watches_of(Settings(types=types)) == watches.watches


@pytest.mark.parametrize(
    ("written", "scope"),
    [({}, "https://api.businesscentral.dynamics.com/.default"), ({"scope": "mine"}, "mine")],
)
def test_the_scope_of_a_token(written: dict[str, str], scope: str) -> None:
    _, request = watched("dynamics", url="https://c.example/companies", token=TOKEN | written)
    assert request.token is not None
    assert request.token.scope == scope


def test_nobody_s_vendor_is_left_in_peace() -> None:
    """Built-in types are always there; one that nothing is delivered for, and nothing is said of, is not watched."""
    assert watches_of(Settings()) == ()
    [watch] = watches_of(Settings(types={"bufdir": {"target": "https://example.com/sync"}}))
    assert watch.integration_types == ("bufdir",)


def test_types_that_share_an_endpoint_share_its_probes() -> None:
    common = {"url": "https://one.example/status?b=1", "allowance": 1000}
    types = {
        "aaa": {"health": {**common, "interval": "20m"}},
        "bbb": {"health": {**common, "url": "https://one.example/status", "interval": "40m", "allowance": 500}},
        "ccc": {"health": {"url": "https://one.example/other"}},
    }
    watches = read_watches(Settings(types=types), {})
    shared, other = watches.watches
    assert (shared.integration_types, other.integration_types) == (("aaa", "bbb"), ("ccc",))
    assert (shared.interval, shared.most_probes) == (timedelta(minutes=40), 50)
    assert watches.requests[shared.endpoint].address.query_string == "b=1"


def test_all_faults_come_at_once_and_show_no_secret() -> None:
    types = {
        "xledger": {"health": {"headers": {"Authorization": "env:MISSING", "Content-Length": "7", "X y": "s3cret-9"}}},
        "dynamics": {"health": {"url": "https://u:s3cret-9@c.example/", "token": TOKEN}},
    }
    with pytest.raises(SettingsError) as raised:
        read_watches(Settings(types=types), {})
    assert sorted(fault.split(": ")[0] for fault in raised.value.faults) == [
        "types.dynamics.health.token.client_secret",
        "types.dynamics.health.url",
        "types.xledger.health.headers.Authorization",
        "types.xledger.health.headers.Content-Length",
        "types.xledger.health.headers.X y",
    ]
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "health", "key"),
    [
        ("dynamics", {"token": TOKEN}, "types.dynamics.health.url"),
        ("xledger", {"body": "{}"}, "types.xledger.health.body"),
        ("fiken", {"hold": "1h"}, "types.fiken.health.hold"),
        ("xledger", {"headers": {"authorization": "abc"}, "token": TOKEN}, "types.xledger.health.headers"),
    ],
)
def test_faults_of_what_does_not_go_together(name: str, health: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_watches(settings(name, **health), {"SECRET": "x" * 20})
    [fault] = raised.value.faults
    assert fault.startswith(f"{key}: ")


def test_one_type_s_request_needs_no_other_s_secrets() -> None:
    types = {"xledger": {"health": {"headers": {"Authorization": "env:MISSING"}}}, "bufdir": {"health": {}}}
    watches: Watches = read_watches(Settings(types=types), {}, only="bufdir")
    assert list(watches.requests) == ["https://www.bufdir.no/"]
    assert len(watches.watches) == 2


def test_the_method_of_the_next_probe() -> None:
    _, head = watched()
    _, post = watched(headers={"Authorization": "env:TOKEN"})
    tries = [method_for(head, Health(**{**_row(NEW), "failures": failures})) for failures in range(4)]
    assert tries == ["HEAD", "OPTIONS", "GET", "HEAD"]
    assert method_for(head, Health(**{**_row(NEW), "failures": 5, "method": "OPTIONS"})) == "OPTIONS"
    assert method_for(post, Health(**{**_row(NEW), "failures": 5, "method": "GET"})) == "POST"


def _row(health: Health) -> dict[str, Any]:
    return {name: getattr(health, name) for name in health.__slots__}
