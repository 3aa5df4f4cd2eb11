"""One name for one thing in JSON: an id is named after its noun, and an organization's name stands beside its id."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command
from tests.cli.past import FJORD, HOUR, NOBODY, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute, fetch

WHY = ["--reason", "a test", "--yes"]
# What would be a second name for something: `id` for the number of any noun, and so on. An object may be named so.
OTHER_NAMES = {"id", "run", "incident", "pause", "silence", "organization", "organizations", "installation", "behind"}


@pytest.fixture
def past(database: Database) -> Past:
    made = make_past(database.url)
    made.record(2, "failed")
    made.record(1, "claimed")
    made.record(3, "succeeded")
    touches = json.dumps({"organizations": [FJORD, NOBODY], "newest_run": 1})
    execute(
        database.url,
        "insert into synkron.incidents (kind, subject, title, detail, remedy, org_id, integration_type, touches, "
        "since, opened_at, seen_at) "
        f"values ('run_failed', 'x', 'a', 'a', 'a', '{FJORD}', 'xledger', '{touches}', now(), now(), now())",
    )
    return made


@pytest.mark.own_database
def test_one_name_for_one_thing(on_database: Command, past: Past) -> None:
    [failed] = fetch(past.url, "select id from synkron.runs where state = 'failed'")
    [claimed] = fetch(past.url, "select id from synkron.runs where state = 'claimed'")
    of_fjord, his = ["--org", FJORD], ["--integration", past.hourly]
    range_ = ["--from", (past.hour - 3 * HOUR).isoformat(), "--to", past.hour.isoformat()]
    answers = [
        on_database(*arguments, "--json").answer
        for arguments in (
            ["due", "--at", past.hour.isoformat()],
            ["next"],
            ["runs"],
            ["runs", "show", str(failed["id"])],
            ["runs", "retry", str(failed["id"]), "--dry-run"],
            ["runs", "cancel", str(claimed["id"]), "--reason", "a test", "--dry-run"],
            ["trigger", *his, "--yes"],
            ["backfill", *range_, *his, "--dry-run"],
            ["drift"],
            ["verify"],
            ["why", *his, "--at", (past.hour - 2 * HOUR).isoformat()],
            ["overrides", "set", *his, "--attempts", "2", "--yes"],
            ["overrides"],
            ["overrides", "show", *his],
            ["pause", *of_fjord, *WHY],
            ["pauses"],
            ["why", *his],
            ["resume", "--number", "1", "--dry-run"],
            ["resume", "--number", "1", "--yes"],
            ["incidents"],
            ["incidents", "show", "1"],
            ["incidents", "acknowledge", "1", "--yes"],
            ["incidents", "silence", *of_fjord, "--for", "1h", *WHY],
            ["incidents", "silences"],
            ["check"],
            ["status"],
            ["audit"],
            ["adopt", "--as", "copy", "--dry-run"],
            ["migrate"],
            ["tick"],
        )
    ]
    found = [one for answer in answers for one in _objects(answer)]
    named = [one for one in found if one.get("org_id") is not None]
    assert len(named) > 15
    assert {(one["org_id"], one["org_name"]) for one in named} == {(FJORD, "Fjord")}
    assert [list(one)[list(one).index("org_id") + 1] for one in named] == ["org_name"] * len(named)
    assert {
        key for one in found for key, value in one.items() if not isinstance(value, dict | None)
    } & OTHER_NAMES == set()
    numbers = {"run_id", "pause_id", "incident_id", "silence_id", "audit_id", "installation_id"}
    assert {key for one in found for key in one} >= numbers
    touches = [one for one in found if "org_names" in one]
    assert touches == [{"newest_run_id": 1, "org_ids": [FJORD, NOBODY], "org_names": ["Fjord", None]}] * 2


@pytest.mark.own_database
def test_without_the_applications_tables_there_are_no_names(on_database: Command, past: Past) -> None:
    execute(past.url, "drop table organization_integrations, organizations")
    for arguments in (["runs"], ["incidents"]):
        ended = on_database(*arguments, "--json")
        assert {one["org_name"] for one in ended.answer} == {None}


def _objects(answer: object) -> Iterator[dict[str, object]]:
    """The objects in it, but for what the audit recorded of before and after, which stays as it was written."""
    if isinstance(answer, dict):
        answer = {key: one for key, one in answer.items() if key not in ("before", "after")}
        yield answer
    inner = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else ()
    for one in inner:
        yield from _objects(one)
