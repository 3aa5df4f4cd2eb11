"""`synkron health` and `synkron probe`: how the vendors are, and one look at one of them now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import asyncpg
import pytest

from synkron.cli.commands.health import strip
from synkron.model import Outcome, OutcomeKind
from synkron.settings.load import load_settings
from synkron.vendors.health import Verdict, sample_of_run
from synkron.vendors.store import Hour, record
from synkron.vendors.watches import watches_of
from tests.cli.conftest import Command
from tests.delivery.targets.far_side import Answer, FarSide, accept, answering, far_side
from tests.support.databases import Database
from tests.support.statements import execute

SETTINGS = """
[types.xledger]
target = "https://example.com/sync"

[types.xledger.health]
headers = { Authorization = "env:XLEDGER_TOKEN" }

[types.bufdir]
target = "https://example.com/sync"

[types.fiken]
target = "https://example.com/sync"
"""
KNOWN = """
    insert into synkron.health (endpoint, integration_types, verdict, reason, known_by, since, sampled_at, probed_at,
        next_probe_at, failures, passive_until)
    values
        ('https://www.xledger.net/graphql', '{xledger}', 'throttled', 'the answer says ENOUGH', 'probe',
            now() - interval '1 hour', now(), now() - interval '1 hour', now() + interval '2 hours', 0,
            now() + interval '2 hours'),
        ('https://www.bufdir.no/', '{bufdir}', 'unreachable', 'HTTP 503 Service Unavailable', 'probe',
            now() - interval '3 hours', now(), now() - interval '1 hour', now() + interval '1 hour', 3, null);
    insert into synkron.probe_spend
    values ('https://www.xledger.net/graphql', date_trunc('month', now() at time zone 'UTC'), 480, 480);
    insert into synkron.health_hours (endpoint, hour, healthy, throttled)
    select 'https://www.xledger.net/graphql', date_trunc('hour', now() - hours * interval '1 hour', 'UTC'), 1,
        (hours = 0)::integer
    from generate_series(0, 2) hours;
"""


@pytest.fixture
def settings(synkron: Command) -> None:
    """A settings file in the folder in which commands run."""
    del synkron
    Path("synkron.toml").write_text(SETTINGS, "utf-8")


@contextmanager
def vendor(answer: Answer = accept) -> Iterator[FarSide]:
    """A vendor in a thread of its own, as a command has its own event loop; written into the settings as `fiken`'s."""
    ready, ended = Event(), Event()
    there: list[FarSide] = []

    async def serve() -> None:
        async with far_side(answer) as listening:
            there.append(listening)
            ready.set()
            await asyncio.to_thread(ended.wait)

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    url = f"{there[0].url}/status?key=qu3ry-secret"
    Path("synkron.toml").write_text(
        f'[types.fiken.health]\nurl = "{url}"\nheaders = {{ X-Key = "s3cret-value" }}\nmethod = "GET"\n', "utf-8"
    )
    try:
        yield there[0]
    finally:
        ended.set()
        thread.join()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(("status", "verdict"), [(500, "degraded"), (503, "degraded"), (502, "unreachable")])
def test_a_target_that_fails_is_told_from_the_vendor_behind_it(
    on_database: Command, database: Database, status: int, verdict: str
) -> None:
    """The runs of two organizations failed; 502 says that the vendor is the cause."""

    async def fail() -> None:
        watch = next(one for one in watches_of(load_settings()) if "bufdir" in one.integration_types)
        connection = await asyncpg.connect(database.url)
        for org_id in ("one", "two"):
            outcome = Outcome(OutcomeKind.RETRYABLE, status, f"HTTP {status}")
            await record(connection, watch, [sample_of_run(outcome, timedelta(), datetime.now(UTC), org_id=org_id)])  # noqa: TID251
        await connection.close()

    asyncio.run(fail())
    found = {one["integration_types"][0]: one for one in on_database("health", "--json").answer}
    assert (found["bufdir"]["verdict"], found["bufdir"]["known_by"]) == (verdict, "run")
    blamed = "its target blames the vendor" if verdict == "unreachable" else "at its target, which says nothing of the"
    assert blamed in found["bufdir"]["reason"]


@pytest.mark.usefixtures("settings")
def test_health(on_database: Command, database: Database) -> None:
    execute(database.url, KNOWN)
    ended = on_database("health")
    assert ended.code == 0
    heading, xledger, bufdir, fiken, *reasons = ended.out.splitlines()
    assert heading.split()[:3] == ["types", "endpoint", "verdict"]
    assert xledger.split()[:3] == ["xledger", "https://www.xledger.net/graphql", "throttled"]
    assert "passive to" in xledger
    assert xledger.endswith("480 of 500")
    assert "." * 21 + "++%" in xledger
    assert "3 failed" in bufdir
    assert fiken.split()[:3] == ["fiken", "type", "fiken"]
    assert "passive" in fiken
    assert reasons == [
        "https://www.xledger.net/graphql is throttled: the answer says ENOUGH",
        "https://www.bufdir.no/ is unreachable: HTTP 503 Service Unavailable",
    ]
    assert "x unreachable" in ended.err


@pytest.mark.usefixtures("settings")
def test_health_in_json(on_database: Command, database: Database) -> None:
    execute(database.url, KNOWN)
    xledger, bufdir, fiken = on_database("health", "--json").answer
    assert (xledger["verdict"], xledger["known_by"], xledger["is_passive"]) == ("throttled", "probe", True)
    assert (xledger["counted_this_month"], xledger["most_probes"], xledger["allowance"]) == (480, 500, 5000)
    assert xledger["passive_until"] == xledger["next_probe_at"]
    assert [hour["throttled"] for hour in xledger["hours"]] == [0, 0, 1]
    assert (bufdir["failed_probes"], bufdir["interval_s"], bufdir["is_passive"]) == (3, 3600, False)
    assert (fiken["verdict"], fiken["since"], fiken["next_probe_at"], fiken["is_passive"]) == (
        "unknown",
        None,
        None,
        True,
    )


@pytest.mark.usefixtures("settings")
def test_what_the_settings_do_not_name_is_marked(on_database: Command, database: Database) -> None:
    """Another process may have other settings, as the demo has; and those of yesterday may have been others."""
    columns = "(endpoint, integration_types, since)"
    former = f"insert into synkron.health {columns} values ('https://old.example/', '{{fiken}}', now())"
    execute(database.url, KNOWN, former)
    ended = on_database("health")
    marked = [line.split()[0] for line in ended.out.splitlines() if line.split()[1] == "*"]
    assert marked == ["fiken"]
    assert "* not in these settings" in ended.err
    named = {one["endpoint"]: one["in_settings"] for one in on_database("health", "--json").answer}
    assert [endpoint for endpoint, in_settings in named.items() if not in_settings] == ["https://old.example/"]
    execute(database.url, "delete from synkron.health where endpoint = 'https://old.example/'")
    assert "*" not in on_database("health").err


def test_nothing_is_watched(on_database: Command) -> None:
    ended = on_database("health")
    assert (ended.code, ended.out) == (0, "")
    assert "No vendor is watched" in ended.err
    assert on_database("health", "--json").answer == []


def test_the_strip_shows_the_worst_of_each_hour() -> None:
    at = datetime(2026, 6, 1, 12, 59, tzinfo=UTC)

    def hour(ago: int, **counts: int) -> Hour:
        findings = {Verdict(name): count for name, count in {"healthy": 7, "degraded": 0, **counts}.items()}
        return Hour(at.replace(minute=0) - timedelta(hours=ago), findings, 0)

    hours = [
        hour(30, unreachable=1),
        hour(23),
        hour(5, degraded=1),
        hour(4, throttled=1, degraded=1),
        hour(3, unauthorized=1, throttled=1),
        hour(1, unreachable=1, unauthorized=1),
        hour(0),
    ]
    assert strip(hours, at) == "+" + "." * 17 + "~%!.x+"


def test_a_dry_run_shows_the_request_without_its_secrets(on_database: Command) -> None:
    with vendor() as there:
        ended = on_database("probe", "fiken", "--dry-run")
        assert there.requests == []
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == f"GET {there.url}/status?[redacted]"
    assert "  X-Key: [redacted]" in lines
    assert "s3cret" not in ended.out
    assert "qu3ry" not in ended.out


def test_a_dry_run_warns_of_an_interval_that_overruns_the_share(
    on_database: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLEDGER_TOKEN", "token s3cret-value")
    hasty = '[types.xledger.health]\nheaders = { Authorization = "env:XLEDGER_TOKEN" }\ninterval = "15m"\n'
    Path("synkron.toml").write_text(hasty, "utf-8")
    ended = on_database("probe", "xledger", "--dry-run")
    assert "warning: at this interval, a month has up to 2976 probes" in ended.out
    planned: dict[str, Any] = on_database("probe", "xledger", "--dry-run", "--json").answer
    assert planned["request"] == {
        "method": "POST",
        "url": "https://www.xledger.net/graphql",
        "headers": {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Authorization": "[redacted]",
        },
        "body_bytes": 50,
        "token_url": None,
    }
    assert (planned["dry_run"], planned["most_probes"], planned["refusal"]) == (True, 500, None)


def test_a_probe_goes_once_and_then_has_to_wait(on_database: Command) -> None:
    with vendor(answering(503)) as there:
        first = on_database("probe", "fiken", "--json")
        again = on_database("probe", "fiken")
        planned = on_database("probe", "fiken", "--dry-run")
        assert len(there.requests) == 1
        assert there.requests[0].headers["X-Key"] == "s3cret-value"
    assert first.code == 0
    assert (first.answer["finding"], first.answer["http_status"], first.answer["verdict"]) == (
        "unreachable",
        503,
        "unreachable",
    )
    assert again.code == 6
    assert "the last probe was less than 15 minutes ago" in again.err
    assert "the last probe was less than 15 minutes ago" in planned.out


def test_a_probe_that_is_told_in_words(on_database: Command) -> None:
    with vendor(answering(429, Retry_After="3600")) as there:
        ended = on_database("probe", "fiken")
    assert ended.out.startswith(f"{there.url}/status: throttled (HTTP 429 Too Many Requests, after ")
    assert "No probe goes before" in ended.out


@pytest.mark.usefixtures("settings")
def test_what_can_t_be_probed(on_database: Command) -> None:
    passive = on_database("probe", "fiken")
    assert (passive.code, "The vendor of fiken is not probed" in passive.err) == (6, True)
    unknown = on_database("probe", "tripletex")
    assert (unknown.code, "Known are bufdir, dynamics, fiken, xledger." in unknown.err) == (4, True)
    unwatched = on_database("probe", "dyn")
    assert (unwatched.code, "dynamics is not watched" in unwatched.err) == (4, True)
    secretless = on_database("probe", "xledger")
    assert secretless.code == 2
    assert (
        "types.xledger.health.headers.Authorization: the environment variable XLEDGER_TOKEN is not set"
        in secretless.err
    )
