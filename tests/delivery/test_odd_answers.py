"""What no standard foresees, through the worker and into the real ledger: recorded, and delivered once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from synkron.delivery.recordable import NO_REASON
from synkron.delivery.targets import Target, open_targets
from synkron.delivery.targets.function import CallableTarget
from synkron.ledger import history
from synkron.model import Outcome, OutcomeKind, Run
from synkron.postgres.connection import Pool
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from tests.conftest import Connection
from tests.delivery.targets.far_side import raw_far_side
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.working import claim, working

ONE_ATTEMPT: dict[str, Any] = {"xledger": {"attempts": 1}}


def answer(status: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]).encode()


@pytest.mark.parametrize(
    ("answered", "state", "status", "error"),
    [
        (answer("999 Request denied"), "failed", 599, "HTTP 999"),
        (answer("600 ?", body="odd"), "failed", 599, "HTTP 600: odd"),
        (answer("099 ?"), "failed", None, "HTTP 99"),
        (answer("000 ?"), "failed", None, "HTTP 0"),
        (answer("200 OK", f"X-Trace: {'x' * 9_000}"), "succeeded", 200, None),
        (answer("200 OK", f"X-Trace: {'x' * 60_000}", f"X-Other: {'x' * 60_000}"), "succeeded", 200, None),
        (
            answer("200 OK", body="exported")[:-3],
            "succeeded",
            200,
            "answer incomplete: the connection was lost within its body",
        ),
    ],
    ids=["999", "600", "099", "000", "a header of 9 KB", "two of 60 KB", "broken off"],
)
async def test_an_answer(
    database: Database,
    connection: Connection,
    pool: Pool,
    answered: bytes,
    state: str,
    status: int | None,
    error: str | None,
) -> None:
    heads: list[bytes] = []
    async with raw_far_side(answered, heads) as url, target_of(url) as target:
        run = await delivered(database, connection, pool, target)
    assert (run.state, run.http_status, run.error, run.attempt, run.failures) == (
        state,
        status,
        error,
        1,
        1 if state == "failed" else 0,
    )
    assert len(heads) == 1


@pytest.mark.parametrize(
    ("returned", "state", "status", "error"),
    [
        (Outcome(OutcomeKind.FINAL), "failed", None, NO_REASON),
        (Outcome(OutcomeKind.SUCCEEDED, 0), "succeeded", None, "its status was 0"),
        (Outcome(OutcomeKind.SUCCEEDED, 999), "succeeded", 599, "its status was 999"),
        (Outcome(OutcomeKind.RETRYABLE, 503, "no", timedelta.max), "failed", 503, "no"),
        (Outcome(OutcomeKind.RETRYABLE, 503, "no", timedelta.min), "failed", 503, "no"),
        (Outcome(OutcomeKind.FINAL, error="\x00\ud800"), "failed", None, r"\x00\ud800"),
        (
            Outcome("done"),  # type: ignore[arg-type]  # a mistake
            "failed",
            None,
            "the outcome's kind is 'done', but must be succeeded, accepted, retryable or final",
        ),
        (
            OutcomeKind.FINAL,
            "failed",
            None,
            "it returned <OutcomeKind.FINAL: 'final'>; return an Outcome, or raise the exception",
        ),
    ],
)
async def test_what_a_callable_returns(
    database: Database,
    connection: Connection,
    pool: Pool,
    returned: object,
    state: str,
    status: int | None,
    error: str,
) -> None:
    calls: list[Run] = []

    def function(run: Run) -> object:
        calls.append(run)
        return returned

    target = CallableTarget(function, 1, Redaction([]))
    run = await delivered(database, connection, pool, target)
    target.close()
    assert (run.state, run.http_status, run.error, run.attempt) == (state, status, error, 1)
    assert len(calls) == 1


async def test_a_wait_without_end_is_a_day(database: Database, connection: Connection, pool: Pool) -> None:
    target = CallableTarget(
        lambda _: Outcome(OutcomeKind.RETRYABLE, error="later", retry_after=timedelta.max), 1, Redaction([])
    )
    await add_integration(connection, "0 2 * * *")
    (run_id,) = await claim(connection)
    async with watching(database) as until, working(pool, target):
        await until(_will_be_retried)
    target.close()
    found = await history.run(connection, run_id)
    assert found is not None
    run, [attempt] = found
    assert attempt.finished_at is not None
    # The two moments are those of one statement.
    assert abs(run.next_attempt_at - attempt.finished_at - timedelta(hours=24)) < timedelta(seconds=1)


@asynccontextmanager
async def target_of(url: str) -> AsyncIterator[Target]:
    async with open_targets(Settings(types={"xledger": {"target": url}}), {}) as targets:
        yield targets["xledger"]


async def delivered(database: Database, connection: Connection, pool: Pool, target: Target) -> history.RecordedRun:
    """The only run, after a worker had it that may try it once."""
    settings = Settings(types=ONE_ATTEMPT)
    await add_integration(connection, "0 2 * * *")
    await claim(connection, settings=settings)
    async with watching(database) as until, working(pool, target, settings):
        await until(nothing_queued)
    [run] = await history.runs(connection)
    return run


async def _will_be_retried(connection: Connection) -> bool:
    return bool(await connection.fetchval("select count(*) > 0 from synkron.runs where failures > 0"))
