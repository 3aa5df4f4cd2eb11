"""`audit`: who changed what."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Command
from tests.end_to_end.first_hour.terminal import LINES, at_the_terminal
from tests.support.databases import Database
from tests.support.statements import execute

FJORD, HOURLY = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000007"


@pytest.fixture
def changes(database: Database) -> None:
    execute(
        database.url,
        f"insert into organizations (id, name) values ('{FJORD}', 'Fjord'), (gen_random_uuid(), 'Vik')",
        "insert into organization_integrations (id, org_id, integration_type, cron_schedule) "
        f"values ('{HOURLY}', '{FJORD}', 'xledger', '0 * * * *')",
        f"""
        insert into synkron.audit (at, author, action, subject, org_id, integration_type, integration_id, before, after)
        values
            (now() - interval '9 days', 'kari', 'pause', 'type xledger', null, 'xledger', null, null,
                '{{"pause": 1, "reason": "why"}}'),
            (now() - interval '2 hours', 'ola', 'resume', 'type xledger', null, 'xledger', null, '{{"pause": 1}}',
                '{{"until": null}}'),
            (now() - interval '1 hour', 'kari', 'end override', 'integration 7', '{FJORD}', 'xledger', '{HOURLY}',
                '{{"timeout": "5m"}}', null),
            (now() - interval '10 days', 'kari', 'silence', 'organization Fjord', '{FJORD}', null, null, null, null),
            (now() - interval '11 days', 'kari', 'adopt', 'installation 1', null, null, null, null, null)
        """,
    )


FILTERED: list[tuple[list[str], list[str]]] = [
    ([], ["end override", "resume", "pause", "silence", "adopt"]),
    (["--since", "7d"], ["end override", "resume"]),
    (["--since", "90m"], ["end override"]),
    (["--since", "2199-01-01T00:00Z"], []),
    (["--author", "kari"], ["end override", "pause", "silence", "adopt"]),
    (["--author", "kari", "--since", "7d"], ["end override"]),
    (["--author", "nobody"], []),
    (["--limit", "2"], ["end override", "resume"]),
    (["--org", "fjord"], ["end override", "silence"]),
    (["--org", "vik"], []),
    (["--type", "xledger"], ["end override", "resume", "pause"]),
    (["--type", "bufdir"], []),
    (["--org", FJORD, "--type", "xledger"], ["end override"]),
    (["--integration", "fjord xledger"], ["end override"]),
    (["--org", "fjord", "--since", "7d"], ["end override"]),
    (["--type", "xledger", "--author", "ola", "--limit", "2"], ["resume"]),
]


@pytest.mark.usefixtures("changes")
def test_changes_are_filtered_the_newest_first(on_database: Command) -> None:
    for options, actions in FILTERED:
        ended = on_database("audit", *options, "--json")
        assert ended.code == 0, options
        assert [one["action"] for one in ended.answer] == actions, options
        assert ("Cut after the newest 2" in ended.err) == (len(actions) == 2 and options == ["--limit", "2"]), options


@pytest.mark.usefixtures("changes")
def test_the_keys_in_json(on_database: Command) -> None:
    first, *_ = on_database("audit", "--json").answer
    assert list(first) == [
        *("audit_id", "at", "author", "action", "subject"),
        *("org_id", "org_name", "integration_type", "integration_id", "before", "after"),
    ]
    assert (first["org_name"], first["integration_type"], first["integration_id"]) == ("Fjord", "xledger", HOURLY)
    assert (first["before"], first["after"]) == ({"timeout": "5m"}, None)
    assert first["at"].endswith("Z")


@pytest.mark.usefixtures("changes")
def test_changes_as_a_table(on_database: Command) -> None:
    heading, *rows = on_database("audit").out.splitlines()
    assert heading.split("  ")[0] == "when (UTC)"
    assert [" ".join(row.split()[2:]) for row in rows] == [
        "kari: end override Fjord xledger before: timeout 5m",
        "ola: resume type xledger ended: pause 1",
        "kari: pause type xledger reason why, pause 1",
        "kari: silence Fjord",
        "kari: adopt installation 1",
    ]


def test_a_screen_of_80_by_24_shows_what_was_changed_of_whom(
    changes: None, on_database: Command, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    del on_database, changes
    before = '{"runs": [{"run": 7, "state": "running", "failures": 0, "error": null}]}'
    after = '{"runs": [{"run": 7, "state": "failed"}], "reason": "wrong period"}'
    execute(
        database.url,
        "insert into synkron.audit (author, action, subject, org_id, integration_type, integration_id, before, after) "
        f"select 'kari', 'cancel', 'run 7', '{FJORD}', 'xledger', '{HOURLY}', '{before}', '{after}' "
        "from generate_series(1, 12)",
        "insert into synkron.audit (author, action, subject, org_id, integration_type, integration_id, after) "
        f"select 'kari', 'override', 'integration {HOURLY} (xledger of Fjord)', '{FJORD}', 'xledger', '{HOURLY}', "
        '\'{"reason": "a reason that takes more than the two lines that one entry has on a screen of this size"}\'',
    )
    screen = at_the_terminal(monkeypatch)("synkron audit")
    shown = screen.text.splitlines()
    assert screen.rows <= LINES
    assert [" ".join(line[18:].split()) for line in shown[1:3]] == [
        "kari: override Fjord xledger reason a reason that takes",
        "more than the two lines that…",
    ]
    assert sum("cancel run 7" in line for line in shown) >= 8


def test_nobody_has_changed_anything(on_database: Command, database: Database) -> None:
    ended = on_database("audit")
    assert (ended.code, ended.out, ended.err) == (0, "", "Nobody has changed anything.\n")
    execute(database.url, f"insert into organizations (id, name) values ('{FJORD}', 'Fjord')")
    ended = on_database("audit", "--org", FJORD)
    assert (ended.code, ended.out, ended.err) == (0, "", "Nobody has changed anything of it.\n")
    assert on_database("audit", "--json").answer == []
