"""How the checks are made: all of them, whatever is wrong, in a bounded time, and without any effect."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from synkron.service.doctor.finding import Finding, Level, identifier
from synkron.text import printable
from tests.conftest import Connection
from tests.service.doctor.conftest import NAMES, PATIENT, Doctor, serviced
from tests.support.databases import Database
from tests.support.hostile import HOSTILE

pytestmark = pytest.mark.own_database

OK = {Level.OK}


async def test_a_healthy_system_has_only_ok_lines(doctor: Doctor) -> None:
    found = await doctor.examined()
    assert [one for findings in found.values() for one in findings if one.level is not Level.OK] == []
    assert list(found) == NAMES


async def test_nothing_is_changed(doctor: Doctor) -> None:
    await doctor.plant("alter role ROLE set default_transaction_read_only = on")
    found = await doctor.examined()
    assert {one.level for findings in found.values() for one in findings} == OK


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://someone:hush-hush@127.0.0.1:1/app", r"There is no PostgreSQL at 127\.0\.0\.1:1/app"),
        ("postgresql:///app?host=/nowhere", "There is no PostgreSQL at the local socket"),
    ],
)
async def test_a_database_that_is_not_there(doctor: Doctor, url: str, why: str) -> None:
    """What needs it says so; the rest is checked."""
    found = await doctor.examined(url=url)
    assert list(found) == NAMES
    [connection] = found["connection"]
    assert connection.level is Level.FAILED
    assert re.match(why, connection.why)
    assert connection.remedy == "Check SYNKRON_DATABASE_URL and that the server runs."
    for name in behind("connection"):
        assert found[name] == [skipped("connection")], name
    assert {found[name][0].level for name in ("settings", "secrets", "targets")} == OK


async def test_a_check_names_what_it_waits_for(doctor: Doctor) -> None:
    """Not the check right before it, which could not be made either."""
    await doctor.plant("alter table organizations rename to tenants; drop schema synkron cascade")
    found = await doctor.examined()
    assert {name: one.why for name, [one] in found.items() if one.level is Level.SKIPPED} == {
        **dict.fromkeys(["row security", "indexes", "rows"], skipped("tables").why),
        **dict.fromkeys(behind("ledger") - behind("tables") - {"tables"}, skipped("ledger").why),
    }


async def test_a_locked_table_is_not_waited_for(doctor: Doctor) -> None:
    """The check is broken off, and the connection serves the others."""
    checks = [replace(one, within=0.2) if one.name == "retention" else one for one in PATIENT]
    async with doctor.superuser.transaction():
        await doctor.superuser.execute("lock table synkron.overrides")
        found = await doctor.examined(checks=checks)
    [retention] = found.pop("retention")
    assert (retention.level, retention.why) == (Level.FAILED, "No answer within 0.2 s.")
    assert await doctor.superuser.fetch(retention.commands[0])
    assert {one.level for findings in found.values() for one in findings} == OK


async def test_a_connection_that_is_lost(doctor: Doctor) -> None:
    async def end_it(given: Any) -> Sequence[Finding]:
        pid = await given.connection.fetchval("select pg_backend_pid()")
        await doctor.superuser.execute("select pg_terminate_backend($1)", pid)
        return await given.connection.fetch("select pg_sleep(60)")  # type: ignore[no-any-return]

    found = await doctor.examined(checks=_with("clock", end_it))
    [clock] = found["clock"]
    assert clock.level is Level.FAILED
    assert clock.why.startswith("The database did not answer this: ")
    assert all(found[name] == [skipped("clock")] for name in behind("clock"))


async def test_a_check_with_a_fault_of_its_own(doctor: Doctor) -> None:
    async def fail(_: Any) -> Sequence[Finding]:
        raise ZeroDivisionError("hush-hush")

    doctor.configure({"heartbeat_url": "https://example.com/hush-hush1"})
    found = await doctor.examined(checks=_with("ledger", fail))
    [ledger] = found["ledger"]
    assert (ledger.level, ledger.commands) == (Level.FAILED, ("synkron --verbose doctor",))
    assert "ZeroDivisionError: " in ledger.why
    assert found["migrations"] == [skipped("ledger")]
    assert found["rows"][0].level is Level.OK


async def test_the_time_for_all_is_limited(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synkron.service.doctor.examination.WITHIN", 0.0)
    found = await doctor.examined()
    assert list(found) == NAMES
    assert {one for findings in found.values() for one in findings} == {
        Finding(Level.SKIPPED, "Not checked, because all checks together have 0 s.")
    }


async def test_a_server_that_falls_silent(doctor: Doctor) -> None:
    """A statement on it can't be broken off: the connection is dropped."""

    async def never(given: Any) -> Sequence[Finding]:
        try:
            await asyncio.Event().wait()
        finally:
            assert not given.connection.is_closed()
            while not given.connection.is_closed():
                await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.01)
        return []

    checks = [replace(one, within=0.1) if one.make is never else one for one in _with("clock", never)]
    found = await doctor.examined(checks=checks)
    assert found["clock"][0].why == "No answer within 0.1 s."
    assert found["rows"] == [skipped("clock")]


async def test_hostile_names_do_not_drive_the_terminal(
    doctor: Doctor, superuser: Connection, database: Database
) -> None:
    await doctor.plant(
        'alter table organizations enable row level security; create policy "\x1b[2J" on organizations using (false);'
        f"update organization_integrations set integration_type = E{HOSTILE!r}"
    )
    async with serviced(f"\x1b[31m\\'\"\u202e\n{database.name}", superuser, database) as role:
        await superuser.execute(f"revoke all on schema synkron from {identifier(role)}")
        found = await replace(doctor, role=role).examined()
    assert [found[name][0].level for name in ("ledger", "row security")] == [Level.FAILED, Level.FAILED]
    for one in (one for findings in found.values() for one in findings):
        for text in (one.why, one.remedy or "", *one.commands):
            assert printable(text) == text


def _with(name: str, make: Any) -> list[Any]:
    return [replace(one, make=make) if one.name == name else one for one in PATIENT]


def behind(name: str) -> set[str]:
    """The checks after this one that need a connection. That of the targets needs none: it follows the worker's."""
    return {*NAMES[NAMES.index(name) + 1 :]} - {"targets"}


def skipped(cause: str) -> Finding:
    return Finding(Level.SKIPPED, f"Not checked, because the check {cause} failed.")
