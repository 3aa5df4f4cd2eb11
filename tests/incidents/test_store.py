"""Incidents in the database: what is written when conditions come, last and go."""

from __future__ import annotations

import asyncpg
import pytest
from structlog.testing import capture_logs

from synkron.incidents.condition import IncidentKind
from synkron.incidents.grouping import FLEET
from synkron.incidents.lifecycle import IncidentChange, Occasion, Silence
from synkron.incidents.store import forget, incident, incidents, log_transitions, reconcile
from synkron.operations.acknowledge import acknowledge
from synkron.operations.silences import AskedSilence, silence, unsilence
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.announcing import announcements, announcing
from tests.support.databases import Database
from tests.support.incident_cast import HOUR, LOOK, MINUTE, NOON, changes, condition, many

SETTINGS = announcing(hook="http://127.0.0.1:9/incidents", mail="json://127.0.0.1:9")
PLAIN = Settings()


async def told(connection: Connection) -> list[tuple[int, str, str]]:
    """Of which incident, why, and to whom."""
    return [(row["incident_id"], row["transition"], row["channel"]) for row in await announcements(connection)]


async def test_the_life_of_an_incident(connection: Connection) -> None:
    said = condition(endpoint="https://vendor.example")
    [first] = await reconcile(connection, [said], SETTINGS, NOON)
    assert (first.change, first.occasion, first.incident.id) == (IncidentChange.OPENED, Occasion.OPENED, 1)
    worse = condition(endpoint="https://vendor.example", title="worse", touches={"runs": 9})
    await reconcile(connection, [worse], SETTINGS, NOON + LOOK)
    [kept] = await incidents(connection)
    assert kept.condition == worse
    assert (kept.opened_at, kept.seen_at, kept.announced_at, kept.state) == (NOON, NOON + LOOK, NOON, "open")
    assert await reconcile(connection, [], SETTINGS, NOON + 4 * MINUTE) == []
    [last] = await reconcile(connection, [], SETTINGS, NOON + 10 * MINUTE)
    assert (last.change, last.occasion) == (IncidentChange.CLOSED, Occasion.CLOSED)
    assert await incidents(connection) == []
    [closed] = await incidents(connection, closed=True)
    assert (closed.closed_at, closed.state, closed.condition) == (NOON + 10 * MINUTE, "closed", worse)
    assert await told(connection) == [
        (1, "opened", "hook"),
        (1, "opened", "mail"),
        (1, "closed", "hook"),
        (1, "closed", "mail"),
    ]


async def test_each_kind_that_there_is(connection: Connection) -> None:
    await reconcile(connection, [condition("x", kind) for kind in IncidentKind], SETTINGS, NOON)
    assert {one.condition.kind for one in await incidents(connection)} == set(IncidentKind)
    [found] = await incidents(connection, kind=IncidentKind.TICK_GAP)
    assert found.condition.kind is IncidentKind.TICK_GAP


async def test_what_has_opened_often_lingers_longer(connection: Connection) -> None:
    at = NOON
    for away in (5, 10, 20):
        await reconcile(connection, [condition()], PLAIN, at)
        at += away * MINUTE
        assert await reconcile(connection, [], PLAIN, at - LOOK) == []
        assert changes(await reconcile(connection, [], PLAIN, at)) == [(IncidentChange.CLOSED, Occasion.CLOSED)]
    at += 7 * HOUR
    await reconcile(connection, [condition()], PLAIN, at)
    assert changes(await reconcile(connection, [], PLAIN, at + 5 * MINUTE)) == [
        (IncidentChange.CLOSED, Occasion.CLOSED)
    ]


async def test_of_too_many_there_is_one(connection: Connection) -> None:
    await reconcile(connection, many(500), SETTINGS, NOON)
    [found] = await incidents(connection)
    assert (found.condition.subject, found.condition.touches["organizations_total"]) == (FLEET, 500)
    assert len(await announcements(connection)) == 2


async def test_while_another_is_at_it_there_is_nothing_to_do(connection: Connection, database: Database) -> None:
    other = await asyncpg.connect(database.url)
    async with other.transaction():
        assert await other.fetchval(statements("incidents/store")["alone"])
        assert await reconcile(connection, [condition()], SETTINGS, NOON) == []
    assert await incidents(connection) == []
    assert len(await reconcile(connection, [condition()], SETTINGS, NOON)) == 1
    await other.close()


async def test_of_many_schedulers_one_announces(database: Database) -> None:
    import asyncio

    async def scheduler() -> None:
        own = await asyncpg.connect(database.url)
        for n in range(10):
            await reconcile(own, [condition()], SETTINGS, NOON + n * LOOK)
        await own.close()

    await asyncio.gather(*(scheduler() for _ in range(4)))
    connection = await asyncpg.connect(database.url)
    assert await told(connection) == [(1, "opened", "hook"), (1, "opened", "mail")]
    await connection.close()


@pytest.mark.own_database
async def test_announcements_follow_rows(connection: Connection) -> None:
    """What can't be announced has not happened: both are one transaction."""
    await connection.execute("alter table synkron.announcements add check (channel <> 'mail')")
    with pytest.raises(asyncpg.CheckViolationError):
        await reconcile(connection, [condition()], SETTINGS, NOON)
    assert await incidents(connection) == []


async def test_whoever_acknowledges_is_not_reminded(connection: Connection) -> None:
    await reconcile(connection, [condition(), condition("other")], SETTINGS, NOON)
    done = await acknowledge(connection, 1, "kari")
    assert (done.state, done.acknowledged_by) == ("acknowledged", "kari")
    await reconcile(connection, [condition(), condition("other")], SETTINGS, NOON + 24 * HOUR)
    assert (await told(connection))[4:] == [(2, "reminded", "hook"), (2, "reminded", "mail")]
    await reconcile(connection, [], SETTINGS, NOON + 25 * HOUR)
    assert len([one for one in await told(connection) if one[1] == "closed"]) == 4


async def test_a_silence_keeps_quiet_until_it_ends(connection: Connection) -> None:
    now = await connection.fetchval("select now()")
    asked = AskedSilence(Silence(integration_type="xledger"), "their maintenance", 4 * HOUR)
    made = await silence(connection, PLAIN, asked, "kari")
    assert (made.subject, made.state, made.until - made.starts_at) == ("type xledger", "active", 4 * HOUR)
    await reconcile(connection, [condition(), condition("b", integration_type="bufdir")], SETTINGS, now + MINUTE)
    assert {one[0] for one in await told(connection)} == {2}
    await reconcile(connection, [condition()], SETTINGS, now + 5 * HOUR)
    assert [one for one in await told(connection) if one[0] == 1] == [(1, "opened", "hook"), (1, "opened", "mail")]


async def test_a_silence_that_is_ended_by_hand(connection: Connection) -> None:
    now = await connection.fetchval("select now()")
    asked = AskedSilence(Silence(integration_type="xledger"), "their maintenance", 4 * HOUR)
    made = await silence(connection, PLAIN, asked, "kari")
    await reconcile(connection, [condition()], SETTINGS, now + MINUTE)
    assert await told(connection) == []
    ended = await unsilence(connection, PLAIN, made.id, "ola")
    assert (ended.state, ended.ended_by) == ("ended", "ola")
    await reconcile(connection, [condition()], SETTINGS, now + 2 * MINUTE)
    assert len(await told(connection)) == 2
    actions = await connection.fetch("select author, action, subject from synkron.audit order by id")
    assert [tuple(row) for row in actions] == [
        ("kari", "silence", "type xledger"),
        ("ola", "unsilence", "type xledger"),
    ]


async def test_a_kind_of_a_later_release_is_left_alone_and_shown(connection: Connection) -> None:
    await reconcile(connection, [condition()], SETTINGS, NOON)
    await connection.execute("update synkron.incidents set kind = 'leap_second'")
    assert await reconcile(connection, [], SETTINGS, NOON + HOUR) == []
    [found] = await incidents(connection)
    assert (found.condition.kind, found.state) == ("leap_second", "open")


async def test_the_log_has_a_line_for_what_is_told(connection: Connection) -> None:
    opened = await reconcile(connection, [condition()], PLAIN, NOON)
    kept = await reconcile(connection, [condition()], PLAIN, NOON + LOOK)
    closed = await reconcile(connection, [], PLAIN, NOON + HOUR)
    with capture_logs() as lines:
        for transitions in (opened, kept, closed):
            log_transitions(transitions)
    assert [(line["log_level"], line["event"], line["incident_id"], line["kind"]) for line in lines] == [
        ("warning", "incident opened", 1, "run_failed"),
        ("info", "incident closed", 1, "run_failed"),
    ]


async def test_a_clock_that_was_set_back_closes_nothing_before_it_opened(connection: Connection) -> None:
    await reconcile(connection, [condition()], SETTINGS, NOON)
    await connection.execute("update synkron.incidents set seen_at = seen_at - interval '3 h'")
    await reconcile(connection, [], SETTINGS, NOON - HOUR)
    [closed] = await incidents(connection, closed=True)
    assert closed.closed_at == NOON


async def test_what_is_old_is_forgotten(connection: Connection) -> None:
    await reconcile(connection, [condition(), condition("lasting")], SETTINGS, NOON)
    await reconcile(connection, [condition("lasting")], SETTINGS, NOON + HOUR)
    await forget(connection, NOON + 400 * 24 * HOUR, 400 * 24 * HOUR)
    assert len(await incidents(connection, closed=True)) == 2
    await forget(connection, NOON + 2 * HOUR + 400 * 24 * HOUR, 400 * 24 * HOUR)
    [left] = await incidents(connection, closed=True)
    assert left.condition.subject == "lasting"
    assert {row["incident_id"] for row in await announcements(connection)} == {2}


async def test_one_that_there_is_not(connection: Connection) -> None:
    assert await incident(connection, 4711) is None
