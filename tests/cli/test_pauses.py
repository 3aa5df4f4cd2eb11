"""`pause`, `resume` and `pauses`."""

from __future__ import annotations

import getpass
import socket
import sys
from datetime import datetime, timedelta
from io import StringIO

import pytest

from tests.cli.conftest import Command
from tests.cli.past import FJORD, HOUR, NOBODY, Past, make_past
from tests.support.databases import Database
from tests.support.statements import execute, fetch

LATER = "2199-01-01T00:00Z"
OLDER = "those older than 24h, but for the newest, expire"
WHY = ["--reason", "their maintenance", "--author", "kari"]


class Terminal(StringIO):
    """Somebody at a terminal, who answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def past(database: Database) -> Past:
    return make_past(database.url)


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        (["--all"], "everything"),
        (["--type", "xledger"], "type xledger"),
        (["--org", FJORD], f"organization {FJORD} (Fjord)"),
        (["--org", FJORD, "--type", "xledger"], f"type xledger of organization {FJORD} (Fjord)"),
        (["--integration", "ITS ID"], "integration ITS ID (xledger of Fjord)"),
    ],
)
def test_pause_and_resume(on_database: Command, past: Past, options: list[str], subject: str) -> None:
    options = [option.replace("ITS ID", past.hourly) for option in options]
    subject = subject.replace("ITS ID", past.hourly)
    whose = (FJORD if "Fjord" in subject else None, "Fjord" if "Fjord" in subject else None)
    kind = "xledger" if "xledger" in subject else None
    ended = on_database("pause", *options, *WHY, "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Pause 1: {subject} is paused until somebody resumes it.\n")
    [row] = on_database("pauses", "--json").answer
    assert (row["pause_id"], row["reason"], row["author"], row["until"], row["state"]) == (
        1,
        "their maintenance",
        "kari",
        None,
        "active",
    )
    planned = on_database("resume", *options, "--dry-run", "--json").answer["plan"]["pauses"][0]
    for one in (row, planned):
        assert (one["org_id"], one["org_name"], one["integration_type"]) == (*whose, kind)
    assert on_database("resume", *options, "--author", "ola", "--yes").code == 0
    assert on_database("pauses", "--json").answer == []
    [row] = on_database("pauses", "--ended", "--json").answer
    assert (row["state"], row["ended_by"]) == ("ended", "ola")
    assert row["subject"] == subject
    assert past.audit() == [("kari", "pause", subject), ("ola", "resume", subject)]


def test_a_pause_of_an_integration_whose_row_is_gone_says_so(on_database: Command, past: Past) -> None:
    on_database("pause", "--integration", past.hourly, *WHY, "--yes")
    execute(past.url, "delete from organization_integrations")
    [row] = on_database("pauses", "--json").answer
    gone = f"integration {past.hourly} (its row is gone)"
    assert (row["subject"], row["org_id"], row["org_name"], row["integration_type"]) == (gone, None, None, None)
    assert row["integration_id"] == past.hourly
    assert gone in on_database("pauses").out
    assert on_database("resume", "--number", "1", "--yes").out == f"Pause 1 has ended: {gone} is resumed.\n"


def test_the_audit_says_what_was_before_and_after(on_database: Command, past: Past) -> None:
    on_database("pause", "--type", "xledger", *WHY, "--until", LATER, "--yes")
    on_database("resume", "--number", "1", "--author", "ola", "--yes")
    resumed, paused = on_database("audit", "--json").answer
    assert (paused["before"], paused["after"]) == (
        None,
        {"pause": 1, "reason": "their maintenance", "until": "2199-01-01T00:00:00Z"},
    )
    assert resumed["before"] == {**paused["after"], "author": "kari"}
    assert resumed["after"]["ended_at"] == on_database("pauses", "--ended", "--json").answer[0]["ended_at"]
    assert past.audit() == [("kari", "pause", "type xledger"), ("ola", "resume", "type xledger")]


@pytest.mark.parametrize(
    ("options", "length"), [(["--for", "90m"], timedelta(minutes=90)), (["--for", "7d"], timedelta(days=7))]
)
def test_a_snooze_counts_from_the_database_s_clock(
    on_database: Command, past: Past, options: list[str], length: timedelta
) -> None:
    assert on_database("pause", "--all", *WHY, *options, "--yes").code == 0
    [row] = fetch(past.url, "select until - starts_at as length from synkron.pauses")
    assert row["length"] == length


REFUSED_PAUSES: list[tuple[list[str], int, str]] = [
    (["--all", "--until", "2020-01-01T00:00Z"], 6, "which is in the past"),
    (["--org", NOBODY], 4, f'There is no organization "{NOBODY}" in public.organizations.'),
    (["--org", "no uuid"], 4, 'There is no organization "no uuid" in public.organizations.'),
    (["--org", NOBODY, "--type", "xledger"], 4, f'There is no organization "{NOBODY}"'),
    (["--type", "fax"], 4, 'There is no integration type "fax". Known are bufdir, dynamics, xledger.'),
    (["--integration", "7'; drop table x"], 4, 'There is no integration "7\'; drop table x".'),
    (["--type", "dynamics"], 6, "Type dynamics is already paused: pause 1 by ola (the first) lasts until"),
    ([], 2, "give --org, --type or both; or --integration; or --all"),
    (["--all", "--type", "xledger"], 2, "give --org, --type or both"),
    (["--integration", "x", "--org", FJORD], 2, "give --org, --type or both"),
    (["--all", "--until", LATER, "--for", "2h"], 2, "give --until or --for, not both"),
    (["--all", "--until", "18:00 on sunday"], 2, "is not a time"),
    (["--all", "--for", "0m"], 2, "is not a span"),
    (["--all", "--for", "3651d"], 2, "is not a span"),
    (["--all", "--reason", " "], 2, "it is empty"),
    (["--all", "--reason", "a\x1b[2Jb"], 2, "all must be printable"),
    (["--all", "--author", "x" * 1001], 2, "at most 1000 characters"),
]


def test_a_pause_that_is_refused(on_database: Command, past: Past) -> None:
    on_database("pause", "--type", "dynamics", "--reason", "the first", "--author", "ola", "--yes")
    before = past.everything()
    for options, code, said in REFUSED_PAUSES:
        ended = on_database("pause", *WHY, *options, "--yes")
        assert (ended.code, ended.out) == (code, ""), options
        assert said in ended.err
        assert past.everything() == before, options


REFUSED_RESUMES: list[tuple[list[str], int, str]] = [
    (["--type", "xledger"], 4, "There is no active pause of exactly type xledger."),
    (
        ["--org", FJORD, "--type", "dynamics"],
        4,
        "There is no active pause of exactly type dynamics of organization",
    ),
    (["--org", "no uuid"], 4, 'There is no organization "no uuid" in public.organizations.'),
    (["--all"], 4, "There is no active pause of exactly everything."),
    (["--number", "4711"], 4, "There is no pause 4711."),
    (["--number", "1"], 4, "Pause 1 has already ended."),
    (["--number", "2"], 4, "Pause 2 has already ended."),
    (["--number", "0"], 2, "0 is not a number from 1 to"),
    ([], 2, "give the pause's number, or whom it holds"),
    (["--number", "3", "--all"], 2, "give the pause's number, or whom it holds"),
]


def test_a_resume_that_is_refused(on_database: Command, past: Past) -> None:
    """Pause 1 was resumed, the end of 2 has come, and 3 lasts."""
    for kind in ("bufdir", "xledger", "dynamics"):
        on_database("pause", "--type", kind, *WHY, "--until", LATER, "--yes")
    on_database("resume", "--number", "1", "--yes")
    execute(past.url, "update synkron.pauses set starts_at = now() - interval '1 h', until = now() where id = 2")
    before = past.everything()
    for options, code, said in REFUSED_RESUMES:
        ended = on_database("resume", *options, "--yes")
        assert (ended.code, ended.out) == (code, ""), options
        assert said in ended.err
        assert past.everything() == before, options


def test_a_pause_that_is_over_may_be_made_again(on_database: Command, past: Past) -> None:
    on_database("pause", "--all", *WHY, "--for", "1h", "--yes")
    execute(past.url, "update synkron.pauses set starts_at = now() - interval '1 h', until = now()")
    assert on_database("pause", "--all", *WHY, "--yes").code == 0
    assert [one["state"] for one in on_database("pauses", "--ended", "--json").answer] == ["active", "over"]


def test_what_it_covers_is_said_first(on_database: Command, past: Past) -> None:
    """One type's policy is another, one integration's too; disabled and faulty rows are not counted."""
    execute(past.url, "insert into synkron.overrides (integration_id, catch_up) "
            f"values ('{past.add('xledger', '30 * * * *')}', 'skip')")  # fmt: skip
    past.add("xledger", "0 0 29 2 *")
    past.add("xledger", "0 * * * *", enabled=False)
    past.add("xledger", "99 * * * *")
    past.record(3, "running")
    past.record(2, "claimed")
    end = past.hour + 3 * HOUR
    before = past.everything()
    ended = on_database("pause", "--type", "xledger", *WHY, "--until", end.isoformat(), "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    plan = on_database("pause", "--type", "xledger", *WHY, "--until", end.isoformat(), "--dry-run", "--json").answer
    assert plan["dry_run"] is True
    assert plan["pauses"] is None
    first = datetime.fromisoformat(plan["plan"]["ahead"]["first"])
    times = plan["plan"]["ahead"]["occurrences"]
    skipped = "none of them runs, and the runs that wait now are skipped"
    assert (plan["plan"]["live"], plan["plan"]["running"], plan["plan"]["claimed"]) == (3, 1, 1)
    assert (first, times) in ((past.hour + HOUR / 2, 6), (past.hour + HOUR, 5), (past.hour + HOUR * 1.5, 4))
    assert ended.out.splitlines() == [
        f"Pause type xledger until {end:%Y-%m-%d %H:%M} UTC.",
        f"It covers 3 live integrations. They would fire {times} times, first at {first:%Y-%m-%d %H:%M} UTC.",
        "What would fire meanwhile is decided when the pause ends:",
        f"  latest (2 integrations): one run each, which covers them all; {OLDER}",
        f"  skip (1 integration): {skipped}; {OLDER}",
        "1 run running now: they go on. 1 run claimed: they wait.",
    ]
    assert past.everything() == before


def test_what_a_resume_lets_go_is_said_first(on_database: Command, past: Past) -> None:
    on_database("pause", "--type", "xledger", *WHY, "--yes")
    on_database("pause", "--integration", past.add("xledger", "0 * * * *"), *WHY, "--yes")
    since = past.hour - 3 * HOUR - timedelta(minutes=1)
    execute(past.url, f"delete from synkron.watermark; insert into synkron.watermark (at) values ('{since}')")
    on_database("tick")
    before = past.everything()
    lines = on_database("resume", "--type", "xledger", "--dry-run").out.splitlines()
    assert lines[1:] == [
        "Its reason: their maintenance",
        "1 integration of it: still paused, by another pause (`synkron pauses`).",
        "The next tick decides what would have fired:",
        f"  latest (1 integration, 4 occurrences): one run each, which covers them all; {OLDER}",
    ]
    assert past.everything() == before


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_somebody_at_a_terminal_is_asked(
    on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    before = past.everything()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ended = on_database("pause", "--all", *WHY)
    assert ended.code == code
    assert "It covers 1 live integration." in ended.err
    assert "Pause it? [y/N]" in ended.err
    assert (past.everything() == before) == (code != 0)
    assert ("Pause 1: everything is paused" in ended.out) == (code == 0)


@pytest.mark.parametrize("command", [["pause", "--all", "--reason", "x"], ["resume", "--all"]])
def test_without_a_terminal_nobody_can_be_asked(synkron: Command, command: list[str]) -> None:
    ended = synkron(*command)
    assert (ended.code, ended.out) == (2, "")
    assert "give --yes" in ended.err


def test_in_whose_name(on_database: Command, past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    on_database("pause", "--type", "bufdir", "--reason", "x", "--yes")
    monkeypatch.setenv("SYNKRON_AUTHOR", "the robot")
    on_database("pause", "--type", "dynamics", "--reason", "x", "--yes")
    on_database("pause", "--type", "xledger", "--reason", "x", "--yes", "--author", "kari")
    assert [author for author, *_ in past.audit()] == [
        f"{getpass.getuser()}@{socket.gethostname()}",
        "the robot",
        "kari",
    ]


def test_pauses_as_a_table(on_database: Command, past: Past) -> None:
    on_database("pause", "--org", FJORD, *WHY, "--until", LATER, "--yes")
    on_database("pause", "--all", *WHY, "--yes")
    heading, *rows = on_database("pauses").out.splitlines()
    assert heading.split() == ["no", "paused", "since", "(UTC)", "until", "(UTC)", "reason,", "and", "who"]
    assert [row.split("  ")[0].split()[0] for row in rows] == ["2", "1"]
    assert "everything" in rows[0]
    assert rows[0].endswith("until resumed     their maintenance (kari)")
    assert "  organization Fjord  " in rows[1]
    assert "2199-01-01 00:00" in rows[1]
    assert past.audit()[1][1] == "pause"


def test_there_are_none(on_database: Command) -> None:
    for options, said in (([], "Nothing is paused."), (["--ended"], "There was never a pause.")):
        ended = on_database("pauses", *options)
        assert (ended.code, ended.out, ended.err) == (0, "", f"{said}\n")
        assert on_database("pauses", *options, "--json").answer == []


def test_what_comes_next_says_that_some_of_it_may_be_paused(on_database: Command, past: Past) -> None:
    del past
    assert "paused" not in on_database("next").err
    on_database("pause", "--all", *WHY, "--yes")
    assert "Some of it may not: `synkron pauses` shows what is paused." in on_database("next").err
