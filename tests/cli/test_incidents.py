"""`incidents`, its `show`, `acknowledge`, `silence`, `silences` and `unsilence`."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.store import reconcile
from tests.cli.conftest import Command
from tests.cli.past import FJORD, NOBODY, Past, make_past
from tests.cli.test_pauses import LATER, Terminal
from tests.support.announcing import announcing
from tests.support.databases import Database
from tests.support.incident_cast import MINUTE, condition
from tests.support.statements import ask, execute, fetch

WHY = ["--reason", "their maintenance", "--author", "kari"]
SETTINGS = announcing(operations="json://127.0.0.1:9")


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


def happen(past: Past, *conditions: Condition, after: timedelta = timedelta()) -> None:
    """These conditions hold, some time after the last full hour."""

    ask(past.url, lambda connection: reconcile(connection, conditions, SETTINGS, past.hour + after))


def failed(subject: str = "4711", **facts: Any) -> Condition:
    """A run of Fjord's that failed."""
    return condition(subject, org_id=FJORD, **facts)


def test_what_is_open_is_listed_the_newest_first(on_database: Command, past: Past) -> None:
    happen(past, failed())
    happen(past, failed(), failed("late", kind=IncidentKind.DRIFT, integration_type="bufdir"), after=MINUTE)
    ended = on_database("incidents")
    assert (ended.code, ended.err) == (0, "")
    heading, *rows = ended.out.splitlines()
    assert heading.split() == ["no", "kind", "what", "since", "(UTC)", "state", "announced", "(UTC)"]
    assert [row.split()[:2] for row in rows] == [["2", "drift"], ["1", "run_failed"]]
    assert "4711 is not as it should be" in rows[1]
    assert "2026-03-02 11:59  open" in rows[1]
    assert rows[1].endswith(f"{past.hour:%Y-%m-%d %H:%M}")
    newest, oldest = on_database("incidents", "--json").answer
    assert (newest["incident_id"], oldest["incident_id"], oldest["state"]) == (2, 1, "open")
    assert oldest["announced_at"] == oldest["opened_at"] == f"{past.hour:%Y-%m-%dT%H:%M:%SZ}"


FILTERED: list[tuple[list[str], list[int]]] = [
    ([], [2]),
    (["--all"], [2, 1]),
    (["--all", "--kind", "run_failed"], [1]),
    (["--kind", "run_failed"], []),
    (["--all", "--type", "xledger"], [1]),
    (["--all", "--org", FJORD], [2, 1]),
    (["--all", "--org", "fjo", "--type", "xled"], [1]),
    (["--all", "--integration", "fjord xledger"], [1]),
    (["--all", "--since", "2199-01-01T00:00Z"], []),
    (["--all", "--since", "24h"], [2, 1]),
    (["--all", "--limit", "1"], [2]),
]


def test_some_of_them(on_database: Command, past: Past) -> None:
    happen(past, failed(), failed("late", kind=IncidentKind.DRIFT, integration_type="bufdir"))
    happen(past, failed("late", kind=IncidentKind.DRIFT, integration_type="bufdir"), after=5 * MINUTE)
    for options, numbers in FILTERED:
        ended = on_database("incidents", *options, "--json")
        assert [one["incident_id"] for one in ended.answer] == numbers, options
        assert ("Cut after the newest 1" in ended.err) == ("--limit" in options), options


def test_there_are_none(on_database: Command) -> None:
    for options, said in (([], "There is no such incident open."), (["--all"], "There are no such incidents.")):
        ended = on_database("incidents", *options)
        assert (ended.code, ended.out, ended.err) == (0, "", f"{said}\n")
        assert on_database("incidents", *options, "--json").answer == []


def test_one_with_its_announcements(on_database: Command, past: Past) -> None:
    happen(past, failed(detail="first line\nsecond line"))
    execute(past.url, "update synkron.announcements set attempts = 2, error = 'HTTP 503'")
    ended = on_database("incidents", "show", "1")
    assert (ended.code, ended.err) == (0, "")
    for said in (
        "run_failed",
        "first line / second line",
        "1 organization (fjord); runs: 2",
        "synkron runs retry 4711",
    ):
        assert said in ended.out
    assert ended.out.splitlines()[-1].split()[0:2] == ["operations", "opened"]
    assert ended.out.splitlines()[-1].endswith("HTTP 503")
    for away, is_gone in (("0 s", False), ("4 minutes", True)):
        execute(past.url, f"update synkron.incidents set seen_at = now() - interval '{away}'")
        assert ("open, not seen since 20" in on_database("incidents", "show", "1").out) is is_gone
    answer = on_database("incidents", "show", "1", "--json").answer
    assert answer["kind"] == "run_failed"
    [announcement] = answer["announcements"]
    assert (announcement["channel"], announcement["state"], announcement["attempts"]) == ("operations", "failing", 2)


def test_acknowledge(on_database: Command, past: Past) -> None:
    happen(past, failed())
    before = fetch(past.url, "select t::text from synkron.incidents t")
    dry = on_database("incidents", "acknowledge", "1", "--dry-run", "--author", "kari")
    assert (dry.code, dry.err) == (0, "")
    assert "4711 is not as it should be" in dry.out
    assert fetch(past.url, "select t::text from synkron.incidents t") == before
    ended = on_database("incidents", "acknowledge", "1", "--yes", "--author", "kari")
    assert (ended.code, ended.out) == (
        0,
        "Incident 1 is acknowledged by kari: there are no more reminders of it.\n",
    )
    assert past.audit() == [("kari", "acknowledge", "incident 1")]
    [row] = on_database("incidents", "--json").answer
    assert (row["state"], row["acknowledged_by"]) == ("acknowledged", "kari")


REFUSED_ACKNOWLEDGEMENTS: list[tuple[str, int, str]] = [
    ("1", 6, "Incident 1 is already acknowledged: by ola"),
    ("2", 6, "Incident 2 closed at"),
    ("3", 4, "There is no incident 3. `synkron incidents` lists the open ones"),
    ("0", 2, "NUMBER"),
    (str(2**63), 2, "NUMBER"),
]


def test_an_acknowledgement_that_is_refused(on_database: Command, past: Past) -> None:
    happen(past, failed(), failed("two"))
    happen(past, failed(), after=6 * MINUTE)
    on_database("incidents", "acknowledge", "1", "--yes", "--author", "ola")
    for number, code, said in REFUSED_ACKNOWLEDGEMENTS:
        ended = on_database("incidents", "acknowledge", number, "--yes", "--author", "kari")
        assert (ended.code, ended.out) == (code, ""), number
        assert said in ended.err, number
        assert len(past.audit()) == 1, number


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        (["--type", "xledger"], "type xledger"),
        (["--org", FJORD], f"organization {FJORD} (Fjord)"),
        (["--org", FJORD, "--type", "xledger"], f"type xledger of organization {FJORD} (Fjord)"),
        (["--endpoint", "https://vendor.example/api"], "endpoint https://vendor.example/api"),
        (["--type", "fax"], "type fax"),
    ],
)
def test_silence_and_unsilence(on_database: Command, past: Past, options: list[str], subject: str) -> None:
    """A type that the settings do not know may have incidents all the same."""
    happen(past, failed(endpoint="https://vendor.example/api"), failed("fax", integration_type="fax"))
    ended = on_database("incidents", "silence", *options, *WHY, "--for", "4h", "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Silence 1: of {subject} nothing is announced until ")
    [row] = on_database("incidents", "silences", "--json").answer
    assert (row["silence_id"], row["subject"], row["reason"], row["author"], row["state"]) == (
        1,
        subject,
        "their maintenance",
        "kari",
        "active",
    )
    [length] = fetch(past.url, "select until - starts_at as length from synkron.silences")
    assert length["length"] == timedelta(hours=4)
    assert on_database("incidents", "unsilence", "1", "--author", "ola", "--yes").out == (
        f"Silence 1 has ended: {subject} is announced again.\n"
    )
    assert on_database("incidents", "silences", "--json").answer == []
    [row] = on_database("incidents", "silences", "--ended", "--json").answer
    assert (row["state"], row["ended_by"]) == ("ended", "ola")
    assert past.audit() == [("kari", "silence", subject), ("ola", "unsilence", subject)]


REFUSED_SILENCES: list[tuple[list[str], int, str]] = [
    (["--type", "xledger", "--until", "2020-01-01T00:00Z"], 6, "which is in the past"),
    (["--org", NOBODY, "--for", "1h"], 4, f'There is no organization "{NOBODY}" in public.organizations'),
    (["--type", "telex", "--for", "1h"], 4, 'There is no integration type "telex". Known are'),
    (["--endpoint", "x", "--for", "1h"], 4, "There is no endpoint x. Known endpoints: none yet."),
    (["--type", "xledger"], 2, "a silence has an end"),
    (["--type", "xledger", "--for", "1h", "--until", LATER], 2, "a silence has an end"),
    (["--for", "1h"], 2, "give --org, --type or --endpoint"),
    (["--type", "xledger", "--for", "0h"], 2, "is not a span"),
    (["--type", "xledger", "--for", "1h", "--reason", " "], 2, "it is empty"),
]


def test_a_silence_that_is_refused(on_database: Command, past: Past) -> None:
    for options, code, said in REFUSED_SILENCES:
        ended = on_database("incidents", "silence", *WHY, *options, "--yes")
        assert (ended.code, ended.out) == (code, ""), options
        assert said in ended.err, options
        assert fetch(past.url, "select from synkron.silences") == [], options
        assert past.audit() == [], options


REFUSED_UNSILENCES: list[tuple[str, str]] = [
    ("1", "Silence 1 has already ended."),
    ("2", "Silence 2 has already ended"),
    ("9", "There is no silence 9."),
]


def test_an_unsilence_that_is_refused(on_database: Command, past: Past) -> None:
    for _ in range(2):
        on_database("incidents", "silence", "--type", "xledger", *WHY, "--for", "1h", "--yes")
    on_database("incidents", "unsilence", "1", "--yes")
    execute(past.url, "update synkron.silences set starts_at = now() - interval '1 h', until = now() where id = 2")
    for number, said in REFUSED_UNSILENCES:
        ended = on_database("incidents", "unsilence", number, "--yes")
        assert (ended.code, ended.out) == (4, ""), number
        assert said in ended.err, number


def test_what_it_keeps_quiet_is_said_first(on_database: Command, past: Past) -> None:
    happen(past, failed())
    options = ["--type", "xledger", *WHY, "--until", LATER]
    ended = on_database("incidents", "silence", *options, "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "Announce nothing of type xledger until 2199-01-01 00:00 UTC.",
        "1 open incident of it: no reminder, and no word when it closes meanwhile.",
        "  1: 4711 is not as it should be",
    ]
    plan = on_database("incidents", "silence", *options, "--dry-run", "--json").answer
    assert plan == {
        "dry_run": True,
        "silence": None,
        "plan": {"subject": "type xledger", "until": "2199-01-01T00:00:00Z", "incident_ids": [1]},
    }
    on_database("incidents", "silence", *options, "--yes")
    happen(past, failed(), failed("two"), after=timedelta(days=1))
    ended = on_database("incidents", "unsilence", "1", "--dry-run")
    assert ended.out.splitlines()[1:] == [
        "1 open incident of it that nobody was told of: announced then.",
        "  2: two is not as it should be",
    ]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_somebody_at_a_terminal_is_asked(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    happen(past, failed())
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ended = on_database("incidents", "silence", "--type", "xledger", *WHY, "--for", "1h")
    assert ended.code == code
    assert "Silence it? [y/N]" in ended.err
    assert len(past.audit()) == (1 if code == 0 else 0)


def test_silences_as_a_table(on_database: Command, past: Past) -> None:
    for options, said in (([], "Nothing is silenced."), (["--ended"], "There was never a silence.")):
        ended = on_database("incidents", "silences", *options)
        assert (ended.code, ended.out, ended.err) == (0, "", f"{said}\n")
    on_database("incidents", "silence", "--org", FJORD, *WHY, "--until", LATER, "--yes")
    heading, row = on_database("incidents", "silences").out.splitlines()
    assert heading.split() == ["no", "silenced", "since", "(UTC)", "until", "(UTC)", "reason,", "and", "who"]
    assert "  organization Fjord  " in row
    assert row.endswith("2199-01-01 00:00  their maintenance (kari)")
    assert len(past.audit()) == 1


@pytest.mark.parametrize(
    "command",
    [["acknowledge", "1"], ["silence", "--type", "xledger", "--for", "1h", "--reason", "x"], ["unsilence", "1"]],
)
def test_without_a_terminal_nobody_can_be_asked(synkron: Command, command: list[str]) -> None:
    ended = synkron("incidents", *command)
    assert (ended.code, ended.out) == (2, "")
    assert "give --yes" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["incidents", "--kind", "sunshine"], "--kind"),
        (["incidents", "--json", "show", "1"], "synkron incidents show --json"),
        (["incidents", "show", "0"], "NUMBER"),
        (["incidents", "--since", "last week"], "is not a time"),
    ],
)
def test_usage(synkron: Command, arguments: list[str], said: str) -> None:
    ended = synkron(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())


def test_one_that_there_is_not(on_database: Command) -> None:
    ended = on_database("incidents", "show", "4711")
    assert (ended.code, ended.out) == (4, "")
    assert "There is no incident 4711. `synkron incidents --all` lists those there are." in ended.err


def test_a_table_can_not_steer_a_terminal(on_database: Command, past: Past) -> None:
    happen(past, failed(title="red \x1b[31m\nline"))
    for arguments in (["incidents"], ["incidents", "show", "1"]):
        ended = on_database(*arguments)
        assert ended.code == 0
        assert "\x1b[31m" not in ended.out
