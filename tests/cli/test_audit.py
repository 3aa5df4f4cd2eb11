"""`audit`: who changed what."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command, execute
from tests.support.databases import Database


@pytest.fixture
def changes(database: Database) -> None:
    execute(
        database.url,
        """
        insert into synkron.audit (at, author, action, subject, before, after) values
            (now() - interval '9 days', 'kari', 'pause', 'type xledger', null, '{"pause": 1, "reason": "why"}'),
            (now() - interval '2 hours', 'ola', 'resume', 'type xledger', '{"pause": 1}', '{"until": null}'),
            (now() - interval '1 hour', 'kari', 'end override', 'integration 7', '{"timeout": "5m"}', null)
        """,
    )


@pytest.mark.usefixtures("changes")
@pytest.mark.parametrize(
    ("options", "actions"),
    [
        ([], ["end override", "resume", "pause"]),
        (["--since", "7d"], ["end override", "resume"]),
        (["--since", "90m"], ["end override"]),
        (["--since", "2199-01-01T00:00Z"], []),
        (["--author", "kari"], ["end override", "pause"]),
        (["--author", "kari", "--since", "7d"], ["end override"]),
        (["--author", "nobody"], []),
        (["--limit", "2"], ["end override", "resume"]),
    ],
)
def test_changes_are_filtered_the_newest_first(on_database: Command, options: list[str], actions: list[str]) -> None:
    ended = on_database("audit", *options, "--json")
    assert ended.code == 0
    assert [one["action"] for one in ended.answer] == actions
    assert ("Cut after the newest 2" in ended.err) == ("--limit" in options)


@pytest.mark.usefixtures("changes")
def test_the_keys_in_json(on_database: Command) -> None:
    first, *_ = on_database("audit", "--json").answer
    assert list(first) == ["audit_id", "at", "author", "action", "subject", "before", "after"]
    assert (first["before"], first["after"]) == ({"timeout": "5m"}, None)
    assert first["at"].endswith("Z")


@pytest.mark.usefixtures("changes")
def test_changes_as_a_table(on_database: Command) -> None:
    heading, *rows = on_database("audit").out.splitlines()
    assert heading.split("  ")[0] == "when (UTC)"
    assert [" ".join(row.split()[2:]) for row in rows] == [
        "kari: end override integration 7 from timeout 5m to nothing",
        "ola: resume type xledger from pause 1 to nothing",
        "kari: pause type xledger pause 1, reason why",
    ]


def test_the_change_of_a_run_reads_from_to(on_database: Command, database: Database) -> None:
    before = '{"runs": [{"run": 7, "state": "running", "failures": 0, "error": null}]}'
    after = '{"runs": [{"run": 7, "state": "failed"}], "reason": "wrong period"}'
    execute(
        database.url,
        "insert into synkron.audit (author, action, subject, before, after) "
        f"values ('kari', 'cancel', 'run 7', '{before}', '{after}')",
    )
    assert (
        "kari: cancel run 7  from run 7, state running, failures 0 to run 7, state failed, reason wrong period"
        in on_database("audit").out
    )


def test_nobody_has_changed_anything(on_database: Command) -> None:
    ended = on_database("audit")
    assert (ended.code, ended.out, ended.err) == (0, "", "Nobody has changed anything.\n")
    assert on_database("audit", "--json").answer == []
