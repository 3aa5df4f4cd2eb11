"""The page of requirements, ``docs/requirements.md``: written from this list and from the markers in the tree.

    python -m tests.house.requirements

A marker is a comment line with one number or several: ``# requirement R1, R14``. In Python it stands right above a
definition and its decorators, in SQL right below a statement's name. In a page it may stand anywhere.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.house.pages import ROOT, files

PAGE = ROOT / "docs/requirements.md"
MARKER = re.compile(r"^\s*(?:#|--|<!--) requirement (?P<numbers>.*?)(?: -->)?$")
SUFFIXES = {".py", ".sql", ".md"}

HEAD = """# Requirements

What was asked of Synkron, where it is built, and what proves it. `python -m tests.house.requirements` writes this page
from the markers in the tree (`# requirement R7`), and a test fails when the page is out of date.
"""


@dataclass(frozen=True)
class Requirement:
    """One thing that was asked for. Where `in_code` is false, nothing in `src` builds it."""

    number: str
    text: str
    in_code: bool = True
    to_come: str = ""


@dataclass(frozen=True)
class Marked:
    """A definition, or a page where `name` is empty, that is marked with a requirement."""

    file: str
    name: str

    @property
    def is_proof(self) -> bool:
        return not self.file.startswith("src/")


READER = (
    Requirement("R1", "Read every enabled row with a schedule. Leave out disabled rows and rows without a schedule."),
    Requirement("R2", "Read standard five-field cron expressions correctly."),
    Requirement(
        "R3",
        "A malformed expression is a validation error. It is logged as a warning, and it never stops the scheduler or "
        "another organization's row.",
    ),
    Requirement(
        "R4",
        "For a timestamp, return the organization, integration and type of everything that fires within 30 s before or "
        "after it, typed.",
    ),
    Requirement("R5", "Read the schedule from the database at each invocation. No earlier configuration is used."),
    Requirement("R6", "The zone is UTC, unless the organization's record names another."),
    Requirement("R7", "`0 2 31 * *` does not fire in months without a 31st."),
    Requirement("R8", "When nothing is due, the answer is empty, not an error."),
    Requirement("R9", "One JOIN. No query for each organization or row."),
    Requirement(
        "R10",
        "Read and judge 100 organization-integration pairs in under 100 ms. This is measured, not tested: B1 in the "
        "[results](../bench/RESULTS.md).",
    ),
    Requirement("R11", "Read with the service role, never through a user's token."),
    Requirement("R12", "Validate expressions before they are parsed."),
    Requirement("R13", "The database client is a parameter. The choice of the cron library is recorded."),
    Requirement(
        "R14",
        "Unit tests: fires at 02:00 and not at 02:01; malformed; disabled; null; the 31st in November; overlapping "
        "schedules of several organizations. An integration test on seeded tables at a known timestamp.",
        in_code=False,
    ),
)

SCHEDULER = (
    Requirement("R15", "A service, invoked on time, that hands due integrations to the trigger engine."),
    Requirement("R16.1", "Cold start: the timeouts of external calls are generous."),
    Requirement("R16.2", "Cold start: targets are warmed up before their runs."),
    Requirement("R16.3", "Cold start: cold starts are recorded, and reported to operators."),
    Requirement("R16.4", "Cold start: how to set the target's memory is documented.", in_code=False),
    Requirement("R16.5", "Cold start: pg_cron pre-warms targets 30 s before the scheduled time."),
    Requirement("R17.1", "Drift: an idempotency key is made from the integration and the scheduled period."),
    Requirement("R17.2", "Drift: no duplicate runs."),
    Requirement("R17.3", "Drift: no run is missing across reporting periods."),
    Requirement("R17.4", "Drift: actual and scheduled times are recorded."),
    Requirement("R17.5", "Drift: an alert when a run starts more than 5 minutes late."),
    Requirement("R17.6", "Drift: pg_cron as the clock."),
    Requirement("R18.1", "Health: the external APIs are monitored with lightweight requests."),
    Requirement("R18.2", "Health: at most one probe in 15 minutes."),
    Requirement("R18.3", "Health: exponential backoff after consecutive failures."),
    Requirement("R18.4", "Health: probes never use up the quota that exports need."),
    Requirement("R18.5", "Health: no probes while the vendor limits the rate. Failed runs alone show that it is down."),
)

SECTIONS = {"The reader of the schedule configuration": READER, "The scheduler around it": SCHEDULER}
REQUIREMENTS = (*READER, *SCHEDULER)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(markers(tracked())), "utf-8")


def page(marked: Mapping[str, Sequence[Marked]]) -> str:
    """The text of the page."""
    parts = [HEAD]
    for title, section in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += ["\n".join(_entry(one, marked.get(one.number, ()))) + "\n" for one in section]
    return "\n".join(parts)


def markers(paths: Iterable[Path]) -> dict[str, list[Marked]]:
    """What is marked with each number, in the order of the files."""
    found: dict[str, list[Marked]] = {}
    for path in paths:
        for number, marked in markers_in(str(path.relative_to(ROOT)), path.read_text("utf-8")):
            found.setdefault(number, []).append(marked)
    return found


def markers_in(file: str, text: str) -> Iterator[tuple[str, Marked]]:
    """Each number in a file with what it marks. A marker that belongs to no definition is an error."""
    lines = enumerate(text.splitlines(), start=1)
    places = [(n, match["numbers"]) for n, line in lines if (match := MARKER.match(line))]
    names = _places(file, text) if places else {}
    for n, numbers in places:
        if not file.endswith(".md") and n not in names:
            raise ValueError(f"{file}:{n}: this marker of a requirement belongs to no definition")
        for number in numbers.split(", "):
            yield number, Marked(file, names.get(n, ""))


def tracked() -> list[Path]:
    """The files that may hold markers."""
    return sorted(path for path in files() if path.suffix in SUFFIXES and path != PAGE)


def _places(file: str, text: str) -> dict[int, str]:
    """The lines of a file on which a marker may stand, each with the name of the definition there."""
    if file.endswith(".sql"):
        named = ((n, re.match(r"-- name: (\w+)", line)) for n, line in enumerate(text.splitlines(), start=1))
        return {n + 1: match[1] for n, match in named if match}
    if file.endswith(".md"):
        return {}
    return {
        min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1: node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def _entry(requirement: Requirement, marked: Sequence[Marked]) -> Iterator[str]:
    yield f"### {requirement.number}\n"
    yield requirement.text
    if requirement.to_come:
        yield f"\n*{requirement.to_come[0].upper()}{requirement.to_come[1:]}.*"
    for heading, is_proof in (("Built in", False), ("Proved by", True)):
        places: dict[str, list[str]] = {}
        for one in marked:
            if one.is_proof == is_proof:
                places.setdefault(one.file, []).append(one.name)
        if places:
            yield f"\n{heading}:\n"
            yield from (_place(file, [name for name in names if name]) for file, names in places.items())


def _place(file: str, names: Sequence[str]) -> str:
    link = f"- [`{file}`](../{file})".replace("](../docs/", "](")
    return f"{link}: {', '.join(f'`{name}`' for name in names)}" if names else link


if __name__ == "__main__":
    main()
