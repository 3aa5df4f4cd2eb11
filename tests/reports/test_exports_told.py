"""A report in sentences, in each language: the same facts, in other words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from string import Formatter

import pytest

from synkron.model import Window
from synkron.reports.exports.coverage import Export, Reason, Stretch
from synkron.reports.exports.figures import ExportReport
from synkron.reports.exports.phrases import BOKMAL, ENGLISH, PHRASES, Phrases
from synkron.reports.exports.ranges import Range
from synkron.reports.exports.sentences import Told
from synkron.reports.exports.sheet import sheet_name

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 5, 21, 16, tzinfo=UTC)
NIGHT = Window(BEGIN, BEGIN + timedelta(hours=14))


def told(phrases: Phrases, *exports: Export, name: str, recorded_since: datetime = BEGIN) -> Told:
    report = ExportReport(NIGHT, NIGHT.end, NIGHT.end, recorded_since, exports)
    return Told(report, Range(NIGHT, UTC, "T", name), {"a": "Berg", "b": "Dalen", "c": "Ekra", "d": "Åsen"}, phrases)


def missing(org_id: str, reason: Reason, number: int, detail: str = "") -> Export:
    return Export(org_id, org_id, "xledger", 1, {reason: number}, [], [Stretch(NIGHT, reason, detail, BEGIN)])


@pytest.mark.parametrize(
    ("exports", "english", "norwegian"),
    [
        (
            [Export("a", "a", "xledger", 1200, {}, [NIGHT], [])],
            "xledger: 1,200 of 1,200 exported, all of the night.",
            "xledger: 1\u00a0200 av 1\u00a0200 eksportert, hele natten.",
        ),
        (
            [missing("a", Reason.FAILED, 2, "HTTP 403")],
            "xledger: 1 of 3 exported; Berg failed twice, HTTP 403 since 16:00.",
            "xledger: 1 av 3 eksportert; Berg mislyktes to ganger, HTTP 403 siden 16:00.",
        ),
        (
            [missing("a", Reason.INVALID, 0, "no zone")],
            "xledger: 1 of 1 exported, 1 integration can't run; Berg can't run: no zone.",
            "xledger: 1 av 1 eksportert, 1 integrasjon kan ikke kjøre; Berg kan ikke kjøre: no zone.",
        ),
        (
            [missing("a", Reason.INVALID, 3, "no type"), missing("b", Reason.INVALID, 0, "no zone")],
            "xledger: 2 of 5 exported, 2 integrations can't run; Berg can't run: no type; Dalen can't run: no zone.",
            (
                "xledger: 2 av 5 eksportert, 2 integrasjoner kan ikke kjøre; Berg kan ikke kjøre: no type; "
                "Dalen kan ikke kjøre: no zone."
            ),
        ),
        (
            [Export("a", "a", "xledger", 0, {}, [], [Stretch(NIGHT, Reason.INVALID, "no zone")])],
            "xledger: nothing was due, 1 integration can't run; Berg can't run: no zone.",
            "xledger: ingenting skulle eksporteres, 1 integrasjon kan ikke kjøre; Berg kan ikke kjøre: no zone.",
        ),
        (
            [missing(one, Reason.PAUSED, 1) for one in "abcd"],
            "xledger: 4 of 8 exported; Berg has 1 paused; Dalen has 1 paused; and 2 more organizations.",
            "xledger: 4 av 8 eksportert; Berg har 1 på pause; Dalen har 1 på pause; og 2 organisasjoner til.",
        ),
        ([], "T: nothing was due.", "T: ingenting skulle eksporteres."),
    ],
)
def test_the_same_is_told(exports: list[Export], english: str, norwegian: str) -> None:
    assert told(ENGLISH, *exports, name="the night").summary() == [english]
    assert told(BOKMAL, *exports, name="natten").summary() == [norwegian]


@pytest.mark.parametrize(
    ("hours", "exports", "english", "norwegian"),
    [
        (0, [], ["T: nothing was due."], ["T: ingenting skulle eksporteres."]),
        (
            6,
            [],
            ["Synkron has records only since 21 May 2026 22:00.", "T: nothing was due."],
            ["Synkron har bare data fra og med 21. mai 2026 22:00.", "T: ingenting skulle eksporteres."],
        ),
        (
            14,
            [],
            ["Synkron has records only since 22 May 2026 06:00.", "T: Synkron has no records of this time."],
            ["Synkron har bare data fra og med 22. mai 2026 06:00.", "T: Synkron har ingen data for denne tiden."],
        ),
        (
            18,
            [Export("a", "a", "xledger", 0, {}, [], [Stretch(NIGHT, Reason.INVALID, "no zone")])],
            [
                "Synkron has records only since 22 May 2026 10:00.",
                "xledger: no records, 1 integration can't run; Berg can't run: no zone.",
            ],
            [
                "Synkron har bare data fra og med 22. mai 2026 10:00.",
                "xledger: ingen data, 1 integrasjon kan ikke kjøre; Berg kan ikke kjøre: no zone.",
            ],
        ),
    ],
)
def test_since_when_there_are_records_is_told(
    hours: int, exports: list[Export], english: list[str], norwegian: list[str]
) -> None:
    """What Synkron did not see is not "nothing was due"."""
    for phrases, expected in ((ENGLISH, english), (BOKMAL, norwegian)):
        one = told(phrases, *exports, name="the night", recorded_since=BEGIN + timedelta(hours=hours))
        assert [*one.remarks, *one.summary()] == expected


@pytest.mark.parametrize(
    ("export", "english", "norwegian"),
    [
        (missing("a", Reason.FAILED, 2), "1 of 3", "1 av 3"),
        (missing("a", Reason.INVALID, 2), "1 of 3", "1 av 3"),
        (Export("a", "a", "xledger", 0, {}, [], [Stretch(NIGHT, Reason.INVALID)]), "can't run", "kan ikke kjøre"),
    ],
)
def test_what_is_not_known_to_be_due_is_not_counted(export: Export, english: str, norwegian: str) -> None:
    for phrases, share in ((ENGLISH, english), (BOKMAL, norwegian)):
        shown = told(phrases, export, name="")
        assert [shown.share(line) for line in shown.report.lines] == [share]


def test_a_moment_outside_of_a_day_has_its_date() -> None:
    week = Range(Window(BEGIN, BEGIN + timedelta(days=7)), UTC, "T", "uke 21")
    assert replace(told(BOKMAL, name="uke 21"), range=week).when(NIGHT) == "21. mai 16:00 - 22. mai 06:00"


@pytest.mark.parametrize("language", sorted(PHRASES.keys() - {"en"}))
def test_each_language_says_all_of_it(language: str) -> None:
    own = PHRASES[language]
    assert own.reasons.keys() == set(Reason) == ENGLISH.reasons.keys()
    assert len(own.months) == 12
    for name in Phrases.__slots__:
        one, other = getattr(own, name), getattr(ENGLISH, name)
        if isinstance(other, str):
            one, other = (one,), (other,)
        if name not in ("months", "reasons"):
            assert [fields(text) for text in one] == [fields(text) for text in other], name


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        (0, 14, "synkron-2026-05-21-to-2026-05-22.csv"),
        (6, 12, "synkron-2026-05-22.csv"),
        (6, 30, "synkron-2026-05-22.csv"),
        (6, 31, "synkron-2026-05-22-to-2026-05-23.csv"),
    ],
)
def test_a_file_is_named_after_the_days_of_its_zone(start: int, end: int, name: str) -> None:
    """There, the range begins 6 hours before midnight."""
    window = Window(BEGIN + start * HOUR, BEGIN + end * HOUR)
    zone = timezone(2 * HOUR)
    assert sheet_name(replace(told(ENGLISH, name="the night"), range=Range(window, zone, "T", "t"))) == name
