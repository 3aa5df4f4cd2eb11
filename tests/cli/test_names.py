"""Every command knows an organization, a type and an integration by an id or a name, and refuses what is not there."""

from __future__ import annotations

from itertools import product

import pytest

from synkron.cli.app import app
from tests.cli.conftest import Command
from tests.cli.past import FJORD, Past, make_past
from tests.house.test_documents import commands
from tests.support.commands import commands as built
from tests.support.databases import Database
from tests.support.statements import execute

LYS = "7b1c5f2e-5a43-4f0a-9d0e-0d3c8f6e2a11"
LOFOTEN, LOFTHUS = (f"0f{n}f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51" for n in (1, 2))
TELEX = "0f3f6f0e-52a9-4a4c-8f40-4f7a0f0f7a51"
# What a command needs besides.
NEEDED = {
    "backfill": ["--from", "2026-11-23T00:00Z", "--to", "2026-11-24T00:00Z", "--dry-run"],
    "incidents silence": ["--reason", "x", "--for", "1h", "--dry-run"],
    "overrides set": ["--catch-up", "all", "--dry-run"],
    "overrides unset": ["--dry-run"],
    "pause": ["--reason", "x", "--dry-run"],
    "resume": ["--dry-run"],
    "trigger": ["--dry-run"],
    "people add": ["kari", "--permission", "read", "--dry-run"],
    "people permit": ["kari", "--permission", "read", "--dry-run"],
    "token create": ["export", "--permission", "read", "--dry-run"],
}
# These name one integration: by its id, or by its organization and its type.
ONE = {"trigger", "why"}
# These list, and take all three. A forecast is of all organizations together.
LISTS = {
    *("check", "due", "next", "runs", "drift", "verify", "audit"),
    *("pauses", "overrides", "incidents", "incidents silences"),
}
OPTIONS = {"--org": "organization", "--type": "integration type", "--integration": "integration"}


@pytest.fixture
def past(database: Database) -> Past:
    """Fjord with its hourly xledger; Fjordlys, two organizations called Lofoten, and a row of an unknown type."""
    made = make_past(database.url)
    execute(
        database.url,
        f"insert into organizations (id, name) values ('{LYS}', 'Fjordlys \x1b[31mBarnehager'), "
        f"('{LOFOTEN}', 'Lofoten'), ('{LOFTHUS}', 'Lofoten')",
        "insert into organization_integrations (id, org_id, integration_type, cron_schedule) "
        f"values ('{TELEX}', '{LYS}', 'telex', '0 3 * * *')",
    )
    return made


def taking(option: str) -> dict[str, list[str]]:
    """Each command with the option, by its words, with what it needs besides."""
    found = {" ".join(words[1:]): command for words, command in commands(built(app))}
    with_option = [name for name, one in found.items() if any(option in each.opts for each in one.params)]
    return {name: [*name.split(), *NEEDED.get(name, [])] for name in with_option}


def test_every_command_that_lists_takes_all_three() -> None:
    for option in OPTIONS:
        assert taking(option).keys() >= LISTS


def test_what_is_not_there_is_refused_by_every_command(on_database: Command, past: Past) -> None:
    before = past.everything()
    for option, noun in OPTIONS.items():
        for name, arguments in taking(option).items():
            besides = {"--org": ["--type", "xledger"], "--type": ["--org", FJORD]}.get(option, [])
            ended = on_database(*arguments, option, "no such", *(besides if name in ONE else []))
            assert (ended.code, ended.out) == (4, ""), (name, option, ended.err)
            assert f'There is no {noun} "no such"' in ended.err, (name, option)
    assert past.everything() == before


def test_what_is_ambiguous_is_listed_and_refused_by_every_command(on_database: Command, past: Past) -> None:
    before = past.everything()
    for name, arguments in taking("--org").items():
        besides = ["--type", "xledger"] if name in ONE else []
        ended = on_database(*arguments, "--org", "lofoten", *besides)
        assert (ended.code, ended.out) == (2, ""), (name, ended.err)
        assert ended.err.splitlines() == [
            'error: "lofoten" fits several organizations. Give its id, or more of its name:',
            f"  {LOFOTEN}  Lofoten",
            f"  {LOFTHUS}  Lofoten",
        ], name
    assert past.everything() == before


def test_a_name_is_as_good_as_an_id(on_database: Command, past: Past) -> None:
    """One of each kind to every command; what else fits a name, which all of them ask alike, to one."""
    past.record(1, "failed")
    for names, pairs in ((LISTS - {"incidents silences"}, one_of_each(past)), ({"runs"}, what_else_fits(past))):
        for name, (by_id, by_name) in product(sorted(names), pairs):
            known, named = on_database(name, *by_id, "--json"), on_database(name, *by_name, "--json")
            assert known.code == named.code in (0, 3), (name, by_name, named.err)
            assert _without_moments(known.answer) == _without_moments(named.answer)
            assert f'"{by_name[1]}": ' in named.err


def one_of_each(past: Past) -> list[tuple[list[str], list[str]]]:
    return [
        (["--org", LYS], ["--org", r"lys \x1b[31mbarn"]),
        (["--type", "xledger"], ["--type", "Xled"]),
        (["--integration", past.hourly], ["--integration", "fjord xledger"]),
    ]


def what_else_fits(past: Past) -> list[tuple[list[str], list[str]]]:
    return [
        (["--org", FJORD], ["--org", "FJORD"]),
        (["--org", LYS], ["--org", LYS.upper()]),
        (["--org", LYS], ["--org", "7B1C"]),
        (["--type", "telex"], ["--type", "tele"]),
        (["--integration", past.hourly], ["--integration", past.hourly[:13].upper()]),
    ]


def _without_moments(answer: object) -> object:
    """What does not change from one call to the next."""
    if isinstance(answer, dict):
        return {key: _without_moments(one) for key, one in answer.items() if key not in ("until", "since", "late_ms")}
    return [_without_moments(one) for one in answer] if isinstance(answer, list) else answer


def test_what_the_lists_show_of_one(on_database: Command, past: Past) -> None:
    bufdir = past.add("bufdir", "0 * * * *")
    run, other = past.record(1, "failed"), past.record(1, "failed", integration=bufdir)
    execute(past.url, f"update synkron.runs set integration_type = 'bufdir' where id = {other}")
    for scope in (["--org", FJORD, "--type", "bufdir"], ["--type", "xledger"], ["--org", LYS], ["--all"]):
        on_database("pause", *scope, "--reason", "x", "--yes")
    on_database("pause", "--integration", "fjord xled", "--reason", "x", "--yes")
    for kind in ("xledger", "bufdir"):
        on_database("incidents", "silence", "--type", kind, "--reason", "x", "--for", "1h", "--yes")
        on_database("overrides", "set", "--integration", f"fjord {kind}", "--catch-up", "all", "--yes")
    for command, key, expected in (
        (["runs"], "run_id", {"xledger": [run], "bufdir": [other]}),
        (["next", "--hours", "1"], "integration_id", {"xledger": [past.hourly], "bufdir": [bufdir]}),
        (["pauses"], "pause_id", {"xledger": [5, 4, 2], "bufdir": [4, 1]}),
        (["incidents", "silences"], "silence_id", {"xledger": [1], "bufdir": [2]}),
        (["overrides"], "integration_id", {"xledger": [past.hourly], "bufdir": [bufdir]}),
    ):
        for kind, ids in expected.items():
            for named in (["--integration", f"fjord {kind}"], ["--org", "fjord", "--type", kind]):
                found = on_database(*command, *named, "--json").answer
                assert [one[key] for one in found] == ids, (command, named)
    assert [one["pause_id"] for one in on_database("pauses", "--org", LYS, "--json").answer] == [4, 3, 2]
    assert on_database("verify", "--integration", "fjord bufdir", "--json").answer["integrations"] == 1
    assert [one["integration_type"] for one in on_database("drift", "--org", "fjord", "--json").answer["types"]] == [
        "bufdir",
        "xledger",
    ]


def test_what_is_gone_has_its_runs_still(on_database: Command, past: Past) -> None:
    run = past.record(1, "failed")
    execute(past.url, "delete from organizations where name = 'Fjord'", "delete from organization_integrations")
    for named in (["--org", FJORD], ["--integration", past.hourly.upper()]):
        assert [one["run_id"] for one in on_database("runs", *named, "--json").answer] == [run]
    assert on_database("runs", "--org", "fjord xyz").code == 4
    assert on_database("pause", "--org", FJORD, "--reason", "x", "--yes").code == 4
