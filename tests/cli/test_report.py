"""`synkron report`: what it tells of a morning's ledger, in each of its forms."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest

from tests.cli.conftest import Command
from tests.support.databases import Database
from tests.support.hostile import dangerous_in
from tests.support.statements import execute

pytestmark = pytest.mark.own_database

FJORD, VIK, BERG = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
HOSTILE = '=1+1<script>alert(1)</script>\x1b[2J&"'
# Fjord is exported whole; of Vik, one hour failed; Berg's schedule is malformed, and its name is hostile.
LEDGER = f"""
    insert into organizations values
        ('{FJORD}', 'Fjord', 'Europe/Oslo'), ('{VIK}', 'Vik', 'Asia/Kathmandu'), ('{BERG}', $1, null);
    insert into organization_integrations values
        ('00000000-0000-4000-9000-0000000000a1', '{FJORD}', 'xledger', true, '0 * * * *'),
        ('00000000-0000-4000-9000-0000000000a2', '{VIK}', 'dynamics', true, '0 * * * *'),
        ('00000000-0000-4000-9000-0000000000a3', '{BERG}', 'bufdir', true, '99 * * * *');
    insert into synkron.watermark (at) values (now() + interval '30 seconds');
    insert into synkron.ticks (at, window_start, window_end, source, scheduler, due, claimed, skipped, invalid)
    values ('2026-03-01T00:00Z', '2026-02-28T00:00Z', '2026-03-02T00:00Z', 'service', 's', 1, 1, 0, 0);
    select synkron.keep_partitions('2026-03-01', now(), '2000-01-01');
    insert into synkron.runs (
        key, integration_id, org_id, integration_type, source, scheduled_for, period_start, period_end, execute_after,
        next_attempt_at, action, reason, cron_schedule, tick_id, state, attempt, started_at, finished_at, error,
        http_status
    )
    select i.id || at::text, i.id::text, org_id::text, integration_type, 'schedule', at, at - interval '1 hour', at, at,
        at, 'run', 'on time', '0 * * * *', 1, case when fails then 'failed' else 'succeeded' end, 1, at,
        at + interval '4 minutes', case when fails then '=HTTP 403' end, case when fails then 403 else 200 end
    from organization_integrations i
    cross join generate_series('2026-03-02T00:00Z'::timestamptz, '2026-03-05T00:00Z', '1 hour') at
    cross join lateral (select at = '2026-03-03T02:00Z' and integration_type = 'dynamics' as fails) f
    where cron_schedule = '0 * * * *'
"""


@pytest.fixture
def report(on_database: Command, database: Database) -> Command:
    """The command, on this ledger."""
    execute(database.url, *LEDGER.replace("$1", "E'" + HOSTILE.replace("\x1b", "\\x1b") + "'").split(";\n"))
    return lambda *arguments: on_database("report", *arguments)


def test_what_is_told_of_a_day(report: Command) -> None:
    told = report("--day", "2026-03-03", "--zone", "UTC")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == "Exports of 3 March 2026 (UTC)"
    assert lines[2] == "dynamics: 23 of 24 exported; Vik failed once, HTTP 403 since 02:04."
    assert lines[3].startswith(
        "bufdir: nothing was due, 1 integration can't run; =1+1<script>alert(1)</script>\\x1b[2J"
    )
    assert lines[4] == "xledger: 24 of 24 exported, all of 3 March."
    assert [line.split("  ")[0] for line in lines[7:]] == ["dynamics", "bufdir"]
    assert "01:00 - 02:00" in lines[7]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            f"update organizations set timezone = 'Europe/Olso' where id = '{BERG}'",
            "its organization's time zone is unknown",
        ),
        (f"delete from organizations where id = '{BERG}'", "its organization is missing"),
        ("update organization_integrations set integration_type = 'abc'", "its integration type is unknown"),
    ],
)
def test_a_reason_is_told_plainly(report: Command, database: Database, change: str, reason: str) -> None:
    """`synkron check` says it exactly, and what is allowed instead."""
    execute(
        database.url,
        "update organization_integrations set cron_schedule = '0 * * * *' where integration_type = 'bufdir'",
        "alter table organization_integrations drop constraint if exists organization_integrations_org_id_fkey",
        change,
    )
    told = report("--day", "2026-03-03", "--zone", "UTC")
    assert told.code == 0
    assert f"{reason}.\n" in told.out


TOLD: list[tuple[list[str], str]] = [
    (["--type", "dynamics", "--day", "2026-03-04"], "dynamics: 24 of 24 exported, all of 4 March."),
    (["--type", "dynamics", "--week", "2026-W10"], "Vik failed once, HTTP 403 since 3 Mar 02:04."),
    (["--type", "xledger", "--month", "2026-03"], "xledger: 73 of 73 exported, all that was due."),
    (
        ["--type", "xledger", "--since", "2026-03-03T02:00Z", "--until", "2026-03-03T03:00Z"],
        "xledger: 1 of 1 exported, all of this time.",
    ),
    # A day of Vik's begins at 18:15 UTC.
    (["--org", VIK, "--day", "2026-03-03"], "Vik failed once, HTTP 403 since 07:49."),
    (["--org", VIK, "--day", "2026-03-03"], "(Asia/Kathmandu)"),
    # Its last hour belongs to the next day, as its period ends there.
    (["--day", "2026-03-02", "--type", "xledger"], "xledger: 24 of 24 exported, all of 2 March."),
    # Before its records, Synkron can't say that nothing was due, but which rows can't run.
    (["--day", "2026-02-20"], "Synkron has records only since 28 Feb 2026 00:00."),
    (["--day", "2026-02-20"], "bufdir: no records, 1 integration can't run; =1+1<"),
    (["--day", "2026-02-20", "--type", "xledger"], "20 February 2026: Synkron has no records of this time."),
    (["--month", "2026-02"], "Synkron has records only since 28 Feb 2026 00:00."),
    (["--since", "2026-03-01T00:00Z", "--until", "2026-03-01T12:00Z", "--type", "xledger"], "nothing was due."),
]


def test_the_range_and_the_scope(report: Command) -> None:
    for arguments, says in TOLD:
        zone = [] if "--org" in arguments else ["--zone", "UTC"]
        told = report(*arguments, *zone)
        assert (told.code, says in told.out) == (0, True), told


REFUSED: list[tuple[list[str], int, str]] = [
    (["--day", "2026-03-03", "--month", "2026-03"], 2, "give one of"),
    (["--until", "2026-03-03"], 2, "--until goes with --since"),
    (["--json", "--csv"], 2, "give one of --json"),
    (["--day", "the other day"], 2, "is not a time"),
    (["--month", "2026-13"], 2, "is not a time"),
    (["--week", "next"], 2, "is not a time"),
    (["--zone", "Mars/Phobos"], 2, "a zone is an IANA name"),
    (["--day", "2011-12-30", "--zone", "Pacific/Apia"], 2, "skip 2011-12-30"),
    (["--day", "2150-01-01", "--zone", "UTC"], 6, "has not begun"),
    (["--since", "1h", "--until", "2h"], 6, "it ends before it begins"),
]


def test_what_is_refused(on_database: Command) -> None:
    for arguments, code, says in REFUSED:
        refused = on_database("report", *arguments)
        assert (refused.code, refused.out) == (code, ""), arguments
        assert says in refused.err, arguments


def test_over_no_data(on_database: Command) -> None:
    told = on_database("report", "--day", "2026-03-03", "--zone", "UTC")
    assert told.code == 0
    assert "No scheduler has ticked yet." in told.out
    assert "3 March 2026: Synkron has no records of this time." in told.out
    for form in ("--csv", "--json", "--html"):
        assert on_database("report", form).code == 0


def test_in_json(report: Command) -> None:
    answer = report("--day", "2026-03-03", "--zone", "UTC", "--json").answer
    assert (answer["since"], answer["until"]) == ("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z")
    [vik] = [one for one in answer["organizations"] if one["org_name"] == "Vik"]
    assert list(vik)[:2] == ["org_id", "org_name"]
    assert "organization" not in vik
    figures = ("due", "exported", "failed", "skipped", "open", "is_whole")
    assert [vik[name] for name in figures] == [24, 23, 1, 0, 0, False]
    [export] = vik["integrations"]
    assert export["covered"] == [
        {"since": "2026-03-03T00:00:00Z", "until": "2026-03-03T01:00:00Z"},
        {"since": "2026-03-03T02:00:00Z", "until": "2026-03-04T00:00:00Z"},
    ]
    [gap] = export["not_covered"]
    assert (gap["since"], gap["until"]) == ("2026-03-03T01:00:00Z", "2026-03-03T02:00:00Z")
    assert (gap["reason"], gap["detail"], gap["failed_at"]) == ("failed", "HTTP 403", "2026-03-03T02:04:00Z")
    assert isinstance(gap["run_id"], int)


def test_no_cell_of_the_csv_is_a_formula(report: Command) -> None:
    written = report("--day", "2026-03-03", "--zone", "UTC", "--csv").out
    heading, *rows = csv.reader(io.StringIO(written))
    assert [row[:3] for row in rows] == [
        ["dynamics", "Vik", VIK],
        ["bufdir", "'=1+1<script>alert(1)</script>\\x1b[2J&\"", BERG],
        ["xledger", "Fjord", FJORD],
    ]
    assert dict(zip(heading, rows[0], strict=True)) | {"not covered": ""} == {
        "type": "dynamics",
        "organization": "Vik",
        "organization id": VIK,
        "due": "24",
        "exported": "23",
        "failed": "1",
        "skipped": "0",
        "open": "0",
        "invalid": "0",
        "minutes not covered": "60",
        "not covered": "",
    }
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_times_of_the_csv_are_those_of_the_page(report: Command) -> None:
    written = report("--day", "2026-03-03", "--zone", "Europe/Oslo", "--csv").out
    vik, berg, _ = csv.DictReader(io.StringIO(written))
    assert vik["not covered"] == "2026-03-03 02:00 to 2026-03-03 03:00 Europe/Oslo, failed: HTTP 403"
    # It is for people who don't know the cron language: no column of the expression stands in it.
    assert berg["not covered"].endswith("Europe/Oslo, can't run: its schedule is invalid")


class Read(HTMLParser):
    """The elements of a page, its text, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.loads: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.loads += [one for one in attrs if one[0] in ("src", "href", "style") or one[0].startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_runs_nothing(report: Command) -> None:
    written = report("--day", "2026-03-03", "--zone", "UTC", "--html").out
    assert written.isascii()
    assert dangerous_in(written, but="\n") == []
    page = Read()
    page.feed(written)
    assert page.loads == []
    assert page.elements.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert "<script>alert(1)</script>" in page.text
    assert "dynamics: 23 of 24 exported; Vik failed once, HTTP 403 since 02:04." in page.text
    assert "svg" in page.elements
