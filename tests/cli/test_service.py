"""`tick`, `migrate` and `version`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from synkron.cli.commands.service import _roles
from synkron.ledger.migrate import BEFORE_THE_FIRST_RELEASE
from synkron.service.parts import Role
from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.statements import execute

FJORD = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def fleet(database: Database) -> None:
    """One organization with an integration that fires every minute and one that nobody can fire."""
    execute(
        database.url,
        f"insert into organizations values ('{FJORD}', 'Fjord', 'Europe/Oslo')",
        "insert into organization_integrations (org_id, integration_type, is_enabled, cron_schedule) values "
        f"('{FJORD}', 'xledger', true, '* * * * *'), ('{FJORD}', 'bufdir', true, '99 * * * *')",
    )


@pytest.mark.usefixtures("fleet")
def test_a_tick_claims_once(on_database: Command) -> None:
    at = _past_minute()
    first = on_database("tick", "--at", at, "--json")
    assert first.code == 0
    (number,) = first.answer["run_ids"]
    assert first.answer == {"due": 1, "claimed": 1, "skipped": 0, "held": 0, "invalid": 1, "run_ids": [number]}
    assert "minute is 0-59" in first.err
    again = on_database("tick", "--at", at, "--json")
    assert again.answer == {"due": 1, "claimed": 0, "skipped": 0, "held": 0, "invalid": 1, "run_ids": []}
    run = on_database("runs", "show", str(number), "--json").answer
    assert datetime.fromisoformat(run["scheduled_for"]) == datetime.fromisoformat(at)


@pytest.mark.usefixtures("fleet")
def test_a_tick_in_words(on_database: Command) -> None:
    ended = on_database("tick", "--at", _past_minute())
    assert (ended.code, ended.out) == (0, "1 due, 1 claimed, 0 skipped; 1 row can't run.\n")


@pytest.mark.usefixtures("fleet")
def test_what_is_held_need_not_be_paused(on_database: Command, database: Database) -> None:
    execute(
        database.url,
        "update organization_integrations set integration_type = 'fiken' where cron_schedule = '* * * * *'",
    )
    ended = on_database("tick", "--at", "now")
    assert (ended.code, ended.out) == (0, "0 due, 0 claimed, 0 skipped, 1 integration held; 2 rows can't run.\n")


@pytest.mark.usefixtures("fleet")
def test_a_tick_for_now(on_database: Command) -> None:
    """Half a minute back and half a minute ahead there is at least one minute."""
    assert len(on_database("tick", "--at", "now", "--json").answer["run_ids"]) >= 1


def test_a_tick_ahead_of_the_clock_is_refused(on_database: Command) -> None:
    ended = on_database("tick", "--at", "2199-01-01T00:00Z")
    assert (ended.code, ended.out) == (6, "")
    assert "synkron due --at" in ended.err


def test_migrate_from_nothing_and_again(
    synkron: Command, bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", bare_database.url)
    assert synkron("runs").code == 1
    options = ["migrate", "--with-source-tables", "--with-index", "--json"]
    first = synkron(*options)
    assert (first.code, first.err) == (0, "")
    assert first.answer["applied"][0] == "0001_ledger"
    installation_id = first.answer["installation_id"]
    assert {**first.answer, "applied": []} == {
        "applied": [],
        "installation_id": installation_id,
        "installation_name": None,
        "is_at_home": True,
        "source_tables": True,
        "index": True,
        "granted_to": None,
    }
    assert synkron(*options).answer["applied"] == []
    assert "up to date" in synkron("migrate").out
    assert synkron("check").code == 0


@pytest.mark.own_database
@pytest.mark.parametrize("command", ["migrate", "up", "run"])
def test_a_database_from_before_the_first_release_is_refused(
    on_database: Command, database: Database, command: str
) -> None:
    execute(
        database.url,
        f"update synkron.migrations set checksum = '{BEFORE_THE_FIRST_RELEASE}' where name = '0001_ledger'",
    )
    ended = on_database(command)
    assert (ended.code, ended.out) == (6, "")
    assert "there is no upgrade from that. Nothing was changed." in " ".join(ended.err.split())
    assert "Traceback" not in ended.err


def test_migrate_needs_a_role_that_may(
    synkron: Command, bare_database: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", bare_database.url.replace("synkron@", f"{role}@", 1))
    ended = synkron("migrate")
    assert (ended.code, ended.out) == (6, "")
    assert "as the database's owner" in ended.err


@pytest.mark.own_database
def test_migrate_grants_to_roles_that_exist(on_database: Command, role: str) -> None:
    assert on_database("migrate", "--grant-to", role, "--json").answer["granted_to"] == role
    ended = on_database("migrate", "--grant-to", "nobody")
    assert (ended.code, ended.out) == (6, "")
    assert 'The role "nobody" does not exist' in ended.err


@pytest.mark.parametrize("written", [["worker", "scheduler"], ["scheduler,worker"], ["worker , scheduler", "worker"]])
def test_every_role_that_is_given_counts(written: list[str]) -> None:
    assert set(_roles(written)) == {Role.SCHEDULER, Role.WORKER}


def test_version(synkron: Command) -> None:
    ended = synkron("version")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("synkron ")
    answer = synkron("version", "--json").answer
    assert list(answer) == ["synkron", "python", "platform"]
    assert f"synkron {answer['synkron']}\n" == ended.out


def _past_minute() -> str:
    now = datetime.now(UTC)  # noqa: TID251 (any minute that lies a while back will do)
    return (now - timedelta(minutes=10)).replace(second=0, microsecond=0).isoformat()
