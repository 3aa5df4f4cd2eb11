"""Completions that come at the same time go to the database together, and each has the result it would have alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from synkron.delivery import completion
from synkron.delivery.completion import Completion, Completions
from synkron.ledger import attempts
from synkron.model import CallTiming, Outcome, OutcomeKind, Run
from synkron.postgres.batch import AT_ONCE
from synkron.postgres.connection import pooled
from synkron.service.api.routes.completion import WRONGLY_SIGNED
from tests.conftest import Connection
from tests.delivery.test_completion import (
    BROKEN,
    DONE,
    HOUR,
    OTHER,
    REFUSED,
    SETTINGS,
    Api,
    accepted,
    api,
    body,
    complete,
    recorded,
)
from tests.support.databases import Database
from tests.support.fleet import blocked, holds
from tests.support.problems import problem

__all__ = ["api"]

UNKNOWN = 2**63 - 1
AWAY = problem(503, "the database can't be reached; try again")
# The number of a run, the body, what differs in the request, and the answer.
Request: TypeAlias = tuple[object, Any, dict[str, Any], tuple[int, object]]
Prepare: TypeAlias = Callable[[Connection], Awaitable[Request]]


async def good(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run), {}, (200, {"run_id": run.id, "state": "succeeded"})


async def to_be_retried(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run, outcome="retryable"), {}, (200, {"run_id": run.id, "state": "claimed"})


async def failed(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run, outcome="failed", error="x" * 9_000), {}, (200, {"run_id": run.id, "state": "failed"})


async def repeated(connection: Connection) -> Request:
    run = await accepted(connection)
    await complete(connection, run, DONE)
    return run.id, body(run), {}, problem(409, f"Run {run.id} is succeeded and does not wait for a completion.")


async def stale(connection: Connection) -> Request:
    run = await accepted(connection)
    await connection.execute("update synkron.runs set attempt = 2 where id = $1", run.id)
    await connection.execute("update synkron.attempts set attempt = 2 where run_id = $1", run.id)
    said = f"Run {run.id} is at attempt 2; attempt 1 can't complete it any more."
    return run.id, body(run), {}, problem(409, said)


async def late(connection: Connection) -> Request:
    run = await accepted(connection)
    at = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    await connection.execute("update synkron.runs set completes_by = $2 where id = $1", run.id, at)
    return run.id, body(run), {}, problem(409, f"Run {run.id} had to be completed by 2026-03-02T02:00:00Z.")


async def with_another_s_key(connection: Connection) -> Request:
    run, another = await accepted(connection), await accepted(connection)
    said = f"This is not the idempotency key of run {run.id}. Give the key that came with the run."
    return run.id, body(another), {}, problem(409, said)


async def unknown(connection: Connection) -> Request:
    run = await accepted(connection)
    return UNKNOWN, body(run), {}, problem(401, WRONGLY_SIGNED)


async def foreign(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run), {"secret": OTHER}, problem(401, WRONGLY_SIGNED)


async def without_a_secret(connection: Connection) -> Request:
    run = await accepted(connection, "bufdir")
    return run.id, body(run), {}, problem(401, WRONGLY_SIGNED)


async def unsigned(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run), {"secret": None}, problem(401, "the request is not signed")


async def malformed(connection: Connection) -> Request:
    run = await accepted(connection)
    said = "attempt: Input should be a valid integer"
    return run.id, body(run, attempt="1"), {}, problem(400, said)


async def too_large(connection: Connection) -> Request:
    run = await accepted(connection)
    return run.id, body(run, error="x" * 70_000), {}, problem(413, "the body is larger than 65536 bytes")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that a test holds is waited for, however slow the machine is."""
    monkeypatch.setitem(completion.SQL, "wait_briefly", "set local lock_timeout = '2min'")


# Those that wait for the database, and those that are refused before.
RECORDED: Sequence[Prepare] = (good, repeated, to_be_retried, stale, good, with_another_s_key, failed, late)
REFUSED_BEFORE: Sequence[Prepare] = (unknown, foreign, without_a_secret, unsigned, malformed, too_large)


async def test_each_of_many_at_once_is_answered_as_it_would_be_alone(api: Api, connection: Connection) -> None:
    """While the first are being recorded, the others come: those that are refused need not wait."""
    first = [await accepted(connection) for _ in range(AT_ONCE)]
    refused = [await prepare(connection) for prepare in REFUSED_BEFORE]
    waiting = [await prepare(connection) for prepare in RECORDED]
    async with connection.transaction():
        await connection.execute("select from synkron.runs where id = any($1) for update", [run.id for run in first])
        tasks = []
        for number, run in enumerate(first, 1):
            tasks.append(asyncio.create_task(api.post(run.id, body(run))))
            await blocked(connection, number)
        tasks += [asyncio.create_task(api.post(*some[:2], **some[2])) for some in waiting]
        answers = await asyncio.gather(*(api.post(number, told, **more) for number, told, more, _ in refused))
        assert answers == [expected for *_, expected in refused]
        assert not any(task.done() for task in tasks)
    answers = await asyncio.gather(*tasks)
    assert [status for status, _ in answers[:AT_ONCE]] == [200] * AT_ONCE
    assert answers[AT_ONCE:] == [expected for *_, expected in waiting]
    running = {row["id"] for row in await connection.fetch("select id from synkron.runs where state = 'running'")}
    assert {number for number, *_ in refused} - {UNKNOWN} <= running


async def test_a_locked_run_costs_its_own_callers_alone(
    api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, with others in a batch, and with as many as may be under way: each is told to try again."""
    monkeypatch.setitem(completion.SQL, "wait_briefly", "set local lock_timeout = '50ms'")
    locked, *others = [await accepted(connection) for _ in range(4)]
    asked = [*[locked] * AT_ONCE, others[0], locked, *others[1:]]
    async with connection.transaction():
        await connection.execute("select from synkron.runs where id = $1 for update", locked.id)
        answers = await asyncio.gather(*(api.post(run.id, body(run)) for run in asked))
    put_off = problem(503, f"another transaction has run {locked.id} locked; try again")
    done = [(200, {"run_id": run.id, "state": "succeeded"}) for run in others]
    assert answers == [*[put_off] * AT_ONCE, done[0], put_off, *done[1:]]
    assert (await api.post(locked.id, body(locked)))[0] == 200


@pytest.fixture
async def completions(database: Database) -> AsyncIterator[Completions]:
    async with pooled(database.url, size=3) as pool:
        yield Completions(pool, SETTINGS)


def told(run: Run, outcome: Outcome = DONE, **changed: Any) -> Completion:
    return Completion(run.id, run.key, run.attempt, outcome)._replace(**changed)


async def results(completions: Completions, asked: Sequence[Completion]) -> list[str]:
    """The states, or why there is none."""
    found = await asyncio.gather(*map(completions.complete, asked), return_exceptions=True)
    return [str(one) for one in found]


ENDED = "Run {} is {} and does not wait for a completion."
TWICE: Sequence[tuple[Sequence[dict[str, Any]], Sequence[str]]] = [
    ([{"outcome": DONE}, {"outcome": REFUSED}, {"outcome": DONE}], ["succeeded", *[ENDED.format(1, "succeeded")] * 2]),
    ([{"outcome": REFUSED}, {"outcome": DONE}], ["failed", ENDED.format(1, "failed")]),
    ([{"outcome": BROKEN}, {"outcome": DONE}], ["claimed", ENDED.format(1, "claimed")]),
    (
        [{"key": "x"}, {"attempt": 2}, {"outcome": REFUSED}],
        [
            "This is not the idempotency key of run 1. Give the key that came with the run.",
            "Run 1 is at attempt 1; attempt 2 can't complete it any more.",
            "failed",
        ],
    ),
]


@pytest.mark.parametrize(("asked", "expected"), TWICE)
async def test_of_several_for_one_run_the_first_that_fits_counts(
    completions: Completions, connection: Connection, asked: Sequence[dict[str, Any]], expected: Sequence[str]
) -> None:
    """As if they had come one after the other; together with others', in one transaction."""
    others = [await accepted(connection) for _ in range(3)]
    run = await accepted(connection)
    together = [told(others[0]), *(told(run, **one) for one in asked), *map(told, others[1:])]
    found = await results(completions, together)
    written = [one.replace("Run 1 ", f"Run {run.id} ").replace("run 1.", f"run {run.id}.") for one in expected]
    assert found == ["succeeded", *written, "succeeded", "succeeded"]
    state = next(one for one in expected if " " not in one)
    assert (await recorded(connection, run))[0].state == state
    assert await connection.fetchval("select count(distinct xmin::text) from synkron.runs") == 1


async def test_many_are_accepted_at_once_but_for_those_that_ended_or_were_taken_over(connection: Connection) -> None:
    first, ended, taken, last = [await accepted(connection) for _ in range(4)]
    await complete(connection, ended, DONE)
    await connection.execute("update synkron.runs set attempt = 2 where id = $1", taken.id)
    answers = [(last, 3, "no body"), (ended, 1, None), (taken, 1, None), (first, 2, None)]
    asked = [
        attempts.Acceptance(run, Outcome(OutcomeKind.ACCEPTED, 200 + hours, error), hours * HOUR, timing)
        for run, hours, error in answers
        for timing in [CallTiming(hours * HOUR, None, None, None)]
    ]
    assert await attempts.accept_all(connection, asked) == [True, False, False, True]
    rows = await connection.fetch(
        "select run_id, completes_by - now() > $1 as is_later, next_attempt_at - now() > interval '1 h' as is_put_off, "
        "runs.http_status, runs.error, attempts.http_status as answered, duration, attempts.error as missing "
        "from synkron.runs join synkron.attempts on run_id = runs.id where runs.id = any($2) order by run_id",
        2.5 * HOUR,
        [first.id, last.id],
    )
    assert [tuple(row) for row in rows] == [
        (first.id, False, True, 202, None, 202, 2 * HOUR, None),
        (last.id, True, True, 203, "no body", 203, 3 * HOUR, "no body"),
    ]
    assert (await recorded(connection, ended))[0].state == "succeeded"


POISON = "alter table synkron.runs add constraint poison check (error is distinct from 'poison')"
AWAY_FROM_HOME = "update synkron.installations set system_identifier = coalesce(system_identifier, 0) + 1"


@pytest.mark.own_database
async def test_what_the_database_refuses_costs_its_own_caller_alone(
    completions: Completions, connection: Connection
) -> None:
    """A fault that no check foresees."""
    runs = [await accepted(connection) for _ in range(3)]
    await connection.execute(POISON)
    poison = Outcome(OutcomeKind.FINAL, error="poison")
    found = await results(completions, [told(runs[0]), told(runs[1], poison), told(runs[2])])
    assert [found[0], found[2]] == ["succeeded", "succeeded"]
    assert "poison" in found[1]
    assert (await recorded(connection, runs[1]))[0].state == "running"


@pytest.mark.parametrize(
    ("by", "expected"),
    [("the session ends", AWAY), ("the ledger is moved", problem(503, "this ledger is not at home; try again later"))],
)
async def test_a_fault_of_the_database_is_told_to_each_and_records_nothing(
    api: Api, connection: Connection, by: str, expected: object
) -> None:
    runs = [await accepted(connection) for _ in range(4)]
    if by == "the ledger is moved":
        await connection.execute(AWAY_FROM_HOME)
        answers = await asyncio.gather(*(api.post(run.id, body(run)) for run in runs))
        await connection.execute(AWAY_FROM_HOME.replace("+ 1", "- 1"))
    else:
        async with connection.transaction():
            await connection.execute("select from synkron.runs where id = $1 for update", runs[0].id)
            tasks = [asyncio.create_task(api.post(run.id, body(run))) for run in [runs[0]] * 4]
            await blocked(connection, 1)
            ended = "select pg_terminate_backend(pid) from pg_locks where not granted"
            while not all(task.done() for task in tasks):
                await connection.execute(ended)
                await asyncio.wait(tasks, timeout=0)
        answers = await asyncio.gather(*tasks)
    assert answers == [expected] * 4
    assert await connection.fetchval("select count(*) from synkron.runs where state <> 'running'") == 0
    assert [status for status, _ in [await api.post(run.id, body(run)) for run in runs]] == [200] * 4


async def test_who_hangs_up_loses_and_doubles_nothing(api: Api, connection: Connection) -> None:
    """The answer of a completion is lost, not its outcome; the others of its batch have theirs."""
    gone, other = await accepted(connection), await accepted(connection)
    async with connection.transaction():
        await connection.execute("select from synkron.runs where id = $1 for update", gone.id)
        leaving = asyncio.create_task(api.post(gone.id, body(gone)))
        await blocked(connection)
        staying = asyncio.create_task(api.post(other.id, body(other)))
        leaving.cancel()
        await asyncio.wait([leaving])
    assert (await staying)[0] == 200
    await holds(lambda: connection.fetchval("select state = 'succeeded' from synkron.runs where id = $1", gone.id))
    assert (await recorded(connection, gone))[1] == ["succeeded"]
    status, answer = await api.post(gone.id, body(gone))
    assert (status, answer) == problem(409, f"Run {gone.id} is succeeded and does not wait for a completion.")


async def test_who_is_stopped_takes_nobody_with_them(completions: Completions, connection: Connection) -> None:
    """What was sent is recorded; what was not is not."""
    runs = [await accepted(connection) for _ in range(AT_ONCE + 2)]
    async with connection.transaction():
        await connection.execute("select from synkron.runs where id = any($1) for update", [run.id for run in runs[:2]])
        tasks = []
        for number, run in enumerate(runs[:AT_ONCE], 1):
            tasks.append(asyncio.create_task(completions.complete(told(run))))
            await blocked(connection, number)
        tasks += [asyncio.create_task(completions.complete(told(run))) for run in runs[AT_ONCE:]]
        await asyncio.wait(tasks, timeout=0)
        for stopped in (tasks[0], tasks[-1]):
            stopped.cancel()
        await asyncio.wait([tasks[0], tasks[-1]])
    assert [await task for task in tasks[1:-1]] == ["succeeded"] * AT_ONCE
    await holds(lambda: connection.fetchval("select state = 'succeeded' from synkron.runs where id = $1", runs[0].id))
    assert (await recorded(connection, runs[-1]))[0].state == "running"
