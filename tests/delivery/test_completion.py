"""Runs that complete later: accepted by their target, completed by a signed request or a Python call, or timed out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook

from synkron import complete_run
from synkron.delivery.recordable import NO_REASON
from synkron.delivery.targets import read_signings
from synkron.errors import NotFound, Refused
from synkron.ledger import claims, history
from synkron.ledger.attempts import expire
from synkron.model import Outcome, OutcomeKind, Run, State
from synkron.postgres.connection import pooled
from synkron.scheduler.tick import tick
from synkron.service.api import deadline
from synkron.service.api.served import Served
from synkron.service.api.server import listening
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.signing import is_signed
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, utc
from tests.support.problems import problem
from tests.support.turns import accept, skip, start

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
SETTINGS = Settings(
    listen="127.0.0.1:0",
    types={
        "xledger": TypeSettings(secret="env:SECRET", backoff=timedelta(milliseconds=1)),
        "dynamics": TypeSettings(secret="env:OTHER"),
    },
)
ENVIRONMENT = {"SECRET": SECRET, "OTHER": OTHER}
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, 202)
DONE = Outcome(OutcomeKind.SUCCEEDED)
BROKEN = Outcome(OutcomeKind.RETRYABLE, error="the export is not there yet")
REFUSED = Outcome(OutcomeKind.FINAL, error="the books are closed")
HOUR = timedelta(hours=1)


async def accepted(connection: Connection, kind: str = "xledger", within: timedelta = HOUR) -> Run:
    """A run of a new integration that its target has accepted."""
    await add_integration(connection, "0 2 * * *", kind)
    done = await tick(connection, SETTINGS, scheduler="test", at=utc("2026-03-02T02:00:00"))
    run = await started(connection, done.run_ids[0])
    assert await accept(connection, run, within)
    return run


async def started(connection: Connection, run_id: int) -> Run:
    run = await start(connection, run_id, "w", 1)
    assert run is not None
    return run


async def recorded(connection: Connection, run: Run) -> tuple[history.RecordedRun, list[str | None]]:
    """The run, and the outcomes of its attempts."""
    found = await history.run(connection, run.id)
    assert found is not None
    return found[0], [one.outcome for one in found[1]]


async def complete(connection: Connection, run: Run, outcome: Outcome, **changed: Any) -> State:
    given: dict[str, Any] = {"key": run.key, "attempt": run.attempt} | changed
    return await complete_run(connection, SETTINGS, run.id, outcome=outcome, **given)


class TestAcceptance:
    async def test_an_accepted_run_is_running_and_keeps_its_seat(self, connection: Connection) -> None:
        run = await accepted(connection)
        found, outcomes = await recorded(connection, run)
        assert (found.state, found.http_status, outcomes) == ("running", 202, [None])
        assert await connection.fetchval("select run_id from synkron.running") == run.id

    async def test_no_job_delivers_or_closes_it_again(self, connection: Connection) -> None:
        """Neither a job of its own that comes twice, nor one that finds the first one's gone."""
        run = await accepted(connection, within=timedelta())
        assert await start(connection, run.id, "w", 1) is None
        assert not await skip(connection, run.id, "superseded: the integration was disabled", 1)
        await connection.execute("delete from synkron.queue")
        await connection.execute("update synkron.runs set next_attempt_at = now() - interval '1 hour'")
        assert await claims.requeue_lost(connection) == 0

    async def test_a_run_that_was_taken_over_is_not_accepted(self, connection: Connection) -> None:
        run = await accepted(connection)
        await connection.execute("update synkron.runs set completes_by = null, next_attempt_at = now()")
        again = await started(connection, run.id)
        assert not await accept(connection, run)
        assert await accept(connection, again)


class TestCall:
    @pytest.mark.parametrize(
        ("outcome", "state", "outcomes"),
        [(DONE, "succeeded", ["succeeded"]), (REFUSED, "failed", ["final"]), (BROKEN, "claimed", ["retryable"])],
    )
    async def test_it_ends_the_attempt(
        self, connection: Connection, outcome: Outcome, state: str, outcomes: list[str]
    ) -> None:
        run = await accepted(connection)
        assert await complete(connection, run, outcome) == state
        found, ended = await recorded(connection, run)
        assert (found.state, found.error, ended) == (state, outcome.error, outcomes)
        assert await connection.fetchval("select count(*) from synkron.running") == 0

    @pytest.mark.parametrize(
        ("outcome", "state", "error"),
        [
            (Outcome(OutcomeKind.FINAL), "failed", NO_REASON),
            (Outcome(OutcomeKind.FINAL, 999, "a\x00b"), "failed", r"its status was 999: a\x00b"),
            (Outcome(OutcomeKind.SUCCEEDED, 0), "succeeded", "its status was 0"),
            (Outcome(OutcomeKind.RETRYABLE, 99, "no", timedelta.max), "claimed", "its status was 99: no"),
        ],
    )
    async def test_an_outcome_that_no_ledger_takes_is_made_fit(
        self, connection: Connection, outcome: Outcome, state: str, error: str
    ) -> None:
        run = await accepted(connection)
        assert await complete(connection, run, outcome) == state
        assert (await recorded(connection, run))[0].error == error

    async def test_a_retryable_completion_leads_to_the_next_attempt(self, connection: Connection) -> None:
        run = await accepted(connection)
        await complete(connection, run, BROKEN)
        await connection.execute("update synkron.runs set next_attempt_at = now()")
        again = await started(connection, run.id)
        assert (again.attempt, again.failures, again.key) == (2, 1, run.key)

    async def test_a_replayed_completion_of_the_first_attempt_leaves_the_second_alone(
        self, connection: Connection
    ) -> None:
        run = await accepted(connection)
        await complete(connection, run, BROKEN)
        await connection.execute("update synkron.runs set next_attempt_at = now()")
        again = await started(connection, run.id)
        await accept(connection, again)
        with pytest.raises(Refused, match="is at attempt 2; attempt 1 can't complete it"):
            await complete(connection, run, BROKEN)
        assert await complete(connection, again, DONE) == "succeeded"

    async def test_an_override_s_attempts_count(self, connection: Connection) -> None:
        run = await accepted(connection)
        await connection.execute(
            "insert into synkron.overrides (integration_id, attempts) values ($1, 1)", run.integration_id
        )
        assert await complete(connection, run, BROKEN) == "failed"

    async def test_an_answer_may_overtake_the_acceptance(self, connection: Connection) -> None:
        """A target that is quick completes before its 202 is read; the worker's late word changes nothing."""
        await add_integration(connection, "0 2 * * *")
        done = await tick(connection, SETTINGS, scheduler="test", at=utc("2026-03-02T02:00:00"))
        run = await started(connection, done.run_ids[0])
        assert await complete(connection, run, DONE) == "succeeded"
        assert not await accept(connection, run)
        assert (await recorded(connection, run))[0].state == "succeeded"

    @pytest.mark.parametrize(
        ("changed", "says"),
        [({"key": "another"}, "not the idempotency key"), ({"attempt": 2}, "is at attempt 1")],
    )
    async def test_what_does_not_match_is_refused(
        self, connection: Connection, changed: dict[str, Any], says: str
    ) -> None:
        run = await accepted(connection)
        with pytest.raises(Refused, match=says):
            await complete(connection, run, DONE, **changed)
        assert (await recorded(connection, run))[0].state == "running"

    async def test_unknown_ended_overdue_or_accepted_again_is_refused(self, connection: Connection) -> None:
        run = await accepted(connection)
        with pytest.raises(NotFound):
            await complete_run(connection, SETTINGS, 4711, key=run.key, attempt=1, outcome=DONE)
        with pytest.raises(Refused, match="already accepted"):
            await complete(connection, run, ACCEPTED)
        with pytest.raises(Refused, match="succeeded, retryable or final"):
            await complete(connection, run, Outcome("done"))  # type: ignore[arg-type]  # a mistake
        await connection.execute("update synkron.runs set completes_by = now()")
        with pytest.raises(Refused, match="had to be completed by"):
            await complete(connection, run, DONE)
        await connection.execute("update synkron.runs set completes_by = now() + interval '1 hour'")
        await complete(connection, run, DONE)
        with pytest.raises(Refused, match="is succeeded and does not wait for a completion"):
            await complete(connection, run, REFUSED)

    async def test_one_of_many_completions_counts(self, database: Database, connection: Connection) -> None:
        run = await accepted(connection)
        async with asyncpg.create_pool(database.url, min_size=8, max_size=8) as pool:
            barrier = asyncio.Barrier(8)

            async def one(outcome: Outcome) -> bool:
                async with pool.acquire() as mine:
                    await barrier.wait()
                    try:
                        await complete_run(mine, SETTINGS, run.id, key=run.key, attempt=1, outcome=outcome)
                    except Refused:
                        return False
                    return True

            assert sum(await asyncio.gather(*map(one, [DONE, REFUSED] * 4))) == 1


class TestDeadline:
    async def test_a_run_that_was_not_completed_in_time_fails(self, connection: Connection) -> None:
        waiting, late = await accepted(connection, "dynamics"), await accepted(connection, within=timedelta())
        assert await expire(connection) == 1
        found, outcomes = await recorded(connection, late)
        assert (found.state, outcomes) == ("failed", ["final"])
        assert str(found.error).startswith("timed out: no completion by 20")
        assert (await recorded(connection, waiting))[0].state == "running"
        assert await expire(connection) == 0

    async def test_the_next_run_of_the_integration_gets_its_turn(self, connection: Connection) -> None:
        first = await accepted(connection)
        (second,) = (await tick(connection, SETTINGS, scheduler="test", at=utc("2026-03-03T02:00:00"))).run_ids
        assert await start(connection, second, "w", 2) is None
        await connection.execute("delete from synkron.queue")
        await connection.execute("update synkron.runs set completes_by = now() where id = $1", first.id)
        await expire(connection)
        assert await connection.fetchval("select convert_from(payload, 'UTF8') from synkron.queue") == str(second)

    async def test_an_attempt_that_began_after_it_is_not_failed(self, connection: Connection) -> None:
        """A release that knows no completions takes an overdue run over; its attempt is its own."""
        run = await accepted(connection, within=timedelta())
        await connection.execute("update synkron.runs set completes_by = null")
        await started(connection, run.id)
        assert await expire(connection) == 0


@dataclass
class Api:
    """The endpoint, called as a target calls it."""

    url: str
    session: ClientSession

    async def post(
        self,
        run_id: object,
        body: Mapping[str, object] | bytes,
        *,
        secret: str | None = SECRET,
        at: datetime | None = None,
        **headers: str,
    ) -> tuple[int, dict[str, Any]]:
        """The status, and the answer's JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"}
        if secret is not None:
            now = at or datetime.now(UTC)  # noqa: TID251 - a target has its own clock
            sent |= {
                "webhook-id": "1",
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": Webhook(secret).sign("1", now, content.decode("utf-8", "replace")),
            }
        async with self.session.post(
            f"{self.url}/v1/runs/{run_id}/complete", data=content, headers=sent | headers
        ) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with (
        pooled(database.url, size=3) as pool,
        listening(Served(pool, SETTINGS, read_signings(SETTINGS, ENVIRONMENT))) as url,
        ClientSession() as session,
    ):
        yield Api(url, session)


def body(run: Run, **changed: object) -> dict[str, object]:
    return {"idempotency_key": run.key, "attempt": run.attempt, "outcome": "succeeded"} | changed


UNSIGNED: list[dict[str, Any]] = [
    {"secret": None},
    {"secret": OTHER},
    {"webhook-signature": "v1,"},
    {"webhook-signature": "no comma"},
    {"webhook-signature": "v1,Å=="},
    {"webhook-timestamp": "soon"},
    {"webhook-timestamp": "-1"},
    {"webhook-timestamp": "99999999999"},
    {"webhook-timestamp": "1e9"},
    {"webhook-id": ""},
    {"webhook-id": "2"},
    {"at": utc("2026-03-02T02:00:00")},
]


NO_BODIES: list[tuple[bytes | dict[str, object], str]] = [
    (b"", "the body: Invalid JSON"),
    (b"[]", "the body: "),
    (b"null", "the body: "),
    (b'{"attempt": 1}', "idempotency_key: Field required"),
    ({"attempt": "1"}, "attempt: "),
    ({"attempt": 1.5}, "attempt: "),
    ({"attempt": True}, "attempt: "),
    ({"attempt": 0}, "attempt: "),
    ({"attempt": 2**40}, "attempt: "),
    ({"outcome": "accepted"}, "outcome: "),
    ({"outcome": None}, "outcome: "),
    ({"error": 7}, "error: "),
    ({"retries": 7}, "retries: Extra inputs are not permitted"),
    (b'{"idempotency_key": "\\ud800", "attempt": 1, "outcome": "failed"}', ""),
    (b"[" * 10_000, "the body: "),
    (
        b'{"idempotency_key": "k", "attempt": 1, "outcome": "failed", "outcome": "succeeded"}',
        "outcome: Give it once.",
    ),
    (b'{"error": [{"a": 1}, {"b": {"a": 1, "a": 2}}]}', "error.1.b.a: Give it once."),
]


class TestEndpoint:
    @pytest.mark.parametrize(
        ("told", "state", "error"),
        [
            ({"outcome": "succeeded"}, "succeeded", None),
            ({"outcome": "succeeded", "error": None}, "succeeded", None),
            ({"outcome": "failed", "error": "the books\nare closed\x00"}, "failed", r"the books are closed\x00"),
            ({"outcome": "failed"}, "failed", "the target reported: failed"),
            ({"outcome": "failed", "error": f"key {SECRET}"}, "failed", "key [redacted]"),
            ({"outcome": "retryable", "error": "x" * 400}, "claimed", "x" * 299 + "…"),
        ],
    )
    async def test_a_signed_completion(
        self, api: Api, connection: Connection, told: dict[str, object], state: str, error: str | None
    ) -> None:
        run = await accepted(connection)
        assert await api.post(run.id, body(run, **told)) == (200, {"run_id": run.id, "state": state})
        found, _ = await recorded(connection, run)
        assert (found.state, found.error) == (state, error)

    async def test_a_replay_changes_nothing(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        await api.post(run.id, body(run))
        before = await recorded(connection, run)
        status, answer = await api.post(run.id, body(run, outcome="failed"))
        assert (status, answer) == problem(409, f"Run {run.id} is succeeded and does not wait for a completion.")
        assert await recorded(connection, run) == before

    async def test_an_unsigned_wrong_or_expired_signature(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        for headers in UNSIGNED:
            status, answer = await api.post(run.id, body(run), **headers)
            assert (status, list(answer)) == (401, ["type", "title", "status", "detail"]), headers
            assert (await recorded(connection, run))[0].state == "running", headers

    async def test_a_signature_of_another_body(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        now = datetime.now(UTC)  # noqa: TID251
        stolen = Webhook(SECRET).sign("1", now, json.dumps(body(run, outcome="failed")))
        headers: dict[str, Any] = {"webhook-signature": stolen}
        status, _ = await api.post(run.id, body(run), **headers)
        assert status == 401

    async def test_a_type_without_a_secret(
        self, api: Api, connection: Connection, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = await accepted(connection, "bufdir")
        status, _ = await api.post(run.id, body(run))
        assert status == 401
        assert "set types.bufdir.secret" in capsys.readouterr().out

    async def test_only_who_signs_rightly_is_told_which_runs_there_are(self, api: Api, connection: Connection) -> None:
        run, without_secret = await accepted(connection), await accepted(connection, "bufdir")
        numbers = [run.id, without_secret.id, 4711, 2**63 - 1]
        for headers in ({"secret": None}, {"secret": OTHER}, {"webhook-signature": "v1,"}):
            given: dict[str, Any] = {**headers}
            (status, _), *others = answers = [await api.post(number, b"{}", **given) for number in numbers]
            assert status == 401
            assert others == answers[:1] * 3

    async def test_a_body_that_is_none(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        for told, says in NO_BODIES:
            status, answer = await api.post(run.id, told if isinstance(told, bytes) else body(run, **told))
            assert status == 400, told
            assert answer["detail"].startswith(says), told
            assert (await recorded(connection, run))[0].state == "running", told

    @pytest.mark.parametrize(
        ("changed", "says"),
        [({"idempotency_key": "x"}, "not the idempotency key"), ({"attempt": 2}, "is at attempt 1")],
    )
    async def test_another_run_s_key_or_attempt(
        self, api: Api, connection: Connection, changed: dict[str, object], says: str
    ) -> None:
        run = await accepted(connection)
        status, answer = await api.post(run.id, body(run, **changed))
        assert status == 409
        assert says in answer["detail"]

    async def test_bytes_that_are_no_text(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        assert (await api.post(run.id, b"\xff\xfe"))[0] == 401

    async def test_a_body_that_is_too_long(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        assert (await api.post(run.id, body(run, error="x" * 70_000)))[0] == 413

    async def test_elsewhere_there_is_nothing(self, api: Api) -> None:
        async with api.session.get(f"{api.url}/v1/runs/1/complete") as answer:
            assert (answer.status, await answer.json()) == problem(405, "Method Not Allowed")
            assert answer.headers["Allow"] == "POST"
        for number in ("one", "0", "007", "+7", "7.0", "7_0", str(2**63), "9" * 30):
            async with api.session.post(f"{api.url}/v1/runs/{number}/complete") as answer:
                assert (answer.status, await answer.json()) == problem(404, "Not Found"), number
                assert answer.headers["Server"] == "synkron"

    async def test_one_that_waits_for_others_is_told_that_it_is_recorded(
        self, api: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also beyond the deadline of other answers: its retry would be refused."""
        monkeypatch.setattr(deadline, "ANSWER_WITHIN", 0.6)
        run = await accepted(connection)
        async with connection.transaction():
            await connection.execute("select from synkron.runs where id = $1 for update", run.id)
            asking = asyncio.create_task(api.post(run.id, body(run)))
            assert not (await asyncio.wait({asking}, timeout=0.8))[0]
        assert (await asking)[0] == 200

    @pytest.mark.own_database
    async def test_a_database_that_is_away(self, api: Api, connection: Connection) -> None:
        run = await accepted(connection)
        await connection.execute("alter table synkron.runs rename to elsewhere")
        status, answer = await api.post(run.id, body(run))
        assert (status, answer) == problem(503, "the database can't be reached; try again")

    async def test_an_address_that_is_taken(self, api: Api, database: Database) -> None:
        taken = SETTINGS.model_copy(update={"listen": api.url.removeprefix("http://")})
        async with pooled(database.url, size=1) as pool:
            with pytest.raises(Refused, match="Address already in use"):
                async with listening(Served(pool, taken, {})):
                    pass


NOW = utc("2026-11-23T02:00:00")


@pytest.mark.parametrize(("seconds_away", "fits"), [(0, True), (-300, True), (300, True), (-301, False), (301, False)])
def test_a_signature_holds_for_five_minutes_of_the_database_s_clock(seconds_away: int, *, fits: bool) -> None:
    headers = signed(b"{}", NOW + timedelta(seconds=seconds_away))
    assert is_signed(Webhook(SECRET), headers, b"{}", NOW) is fits


def test_one_of_several_signatures_is_enough() -> None:
    """As while a secret is being changed."""
    headers = signed(b"{}", NOW)
    headers["webhook-signature"] = f"v1,{'A' * 44} v1a,x {headers['webhook-signature']}"
    assert is_signed(Webhook(SECRET), headers, b"{}", NOW)


# A header may hold bytes that are no text.
ANY = st.characters(exclude_categories=[])


@given(st.text(ANY), st.text(ANY), st.text(ANY), st.binary())
def test_nothing_else_is_a_signature(name: str, stamp: str, signature: str, content: bytes) -> None:
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}
    assert not is_signed(Webhook(SECRET), headers, content, NOW)


def signed(content: bytes, at: datetime) -> dict[str, str]:
    return {
        "webhook-id": "1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("1", at, content.decode()),
    }


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(read_signings(SETTINGS, ENVIRONMENT))
    assert SecretStr(SECRET) == read_signings(SETTINGS, ENVIRONMENT)["xledger"].secret
