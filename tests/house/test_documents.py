"""The pages say what is so: whatever they name is there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from synkron.cli.app import app
from synkron.cli.lazy import Later
from synkron.settings.load import Settings
from tests.house.pages import ROOT, blocks, files, pages, spans, text_of

FOLDERS = ("bench/", "docs/", "examples/", "requirements/", "script/", "src/", "tests/")
PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))

# Of packages, images and crates; in two halves, so that this file names none.
REGISTRIES = [
    first + second
    for first, second in [
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("npmjs", ".org"),
        ("npmjs", ".com"),
        ("docker", ".io"),
        ("ghcr", ".io"),
        ("quay", ".io"),
        ("crates", ".io"),
        ("proxy.golang", ".org"),
    ]
]


@PAGES
def test_no_figure_is_left_open(page: Path) -> None:
    assert "[MEASURE" not in page.read_text("utf-8")


@PAGES
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = {span.split("::")[0] for span in spans(page.read_text("utf-8")) if span.startswith(FOLDERS)}
    named = {name for name in named if not re.search(r"[A-Z]{4}|[* ]", name)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@PAGES
def test_every_test_that_is_named_collects(page: Path) -> None:
    found = spans(page.read_text("utf-8"))
    with_file = {span for span in found if re.fullmatch(r"tests/[\w/]+\.py::\w+", span)}
    assert sorted(with_file - collected()) == []
    by_name = {span for span in found if re.fullmatch(r"test_\w+", span)}
    assert sorted(by_name - {test.split("::")[-1] for test in collected()}) == []


@PAGES
def test_every_function_that_is_named_is_defined(page: Path) -> None:
    named = [span.split("::") for span in spans(page.read_text("utf-8")) if re.fullmatch(r"src/[\w/.]+::\w+", span)]
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^\s*(async def|def|class|-- name:) {name}\b", text_of(file), flags=re.MULTILINE)
    ]
    assert missing == []


@PAGES
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        place, _, anchor = target.partition("#")
        if re.match(r"https?://", target):
            continue
        linked = (page.parent / place).resolve() if place else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


@PAGES
def test_every_command_that_is_shown_exists(page: Path) -> None:
    assert [line for line in command_lines(page.read_text("utf-8")) if not is_command(line)] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    assert is_command("synkron runs show 4711 --json")
    assert is_command("SYNKRON_DATA_DIR=/tmp/x synkron --verbose up [--demo]")
    assert not is_command("synkron runs --sort")
    assert not is_command("synkron retry 4711")
    assert not is_command("synkron runs show 4711 --org 7")


def test_every_command_is_documented_with_all_its_options() -> None:
    written = [shlex.split(re.sub(r"[\[\]]", "", line)) for line in spans(text_of("docs/commands.md"))]
    for words, command in commands(get_command(app)):
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        options -= {"--help", "--install-completion", "--show-completion"}
        shown = {word for line in written if line[: len(words)] == words for word in line[len(words) :]}
        assert options <= shown, words


def test_exactly_the_settings_that_there_are_are_documented() -> None:
    text = text_of("docs/settings.md")
    documented = re.findall(r"^\| `((?!SYNKRON_)[a-zA-Z_.]+)` \|", text, flags=re.MULTILINE)
    assert sorted(documented) == sorted(keys(Settings))


def test_the_defaults_that_are_documented_are_those_that_count() -> None:
    rows = re.findall(r"^\| `([a-zA-Z_.]+)` \| `([^`]+)` \|", text_of("docs/settings.md"), flags=re.MULTILINE)
    assert len(rows) > 20
    for key, default in rows:
        written: dict[str, Any] = {}
        *sections, last = key.replace("NAME", "xledger").split(".")
        inner = written
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = int(default) if default.isdecimal() else default
        assert Settings(**written) == Settings(), key


def test_no_tracked_file_names_a_registry() -> None:
    named = re.compile("|".join(map(re.escape, REGISTRIES)), flags=re.IGNORECASE)
    assert [path for path in files() if named.search(path.read_text("utf-8", errors="replace"))] == []


def test_no_lock_file_holds_an_address() -> None:
    for path in (ROOT / "requirements").iterdir():
        found = re.findall(
            r"https?:|^--(?:index-url|extra-index-url|find-links)", path.read_text("utf-8"), re.MULTILINE
        )
        assert found == [], path.name


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 200


def test_exactly_once_is_said_of_runs_and_never_of_their_delivery() -> None:
    said = [
        sentence
        for path in files()
        if path.suffix in (".md", ".py", ".toml") and not path.is_relative_to(ROOT / "tests")
        for sentence in re.split(r"[.:;,]\s", path.read_text("utf-8"))
        if re.search(r"exactly\s+once", sentence) and re.search(r"deliver|\bcalls?\b|\bsen[dt]\b", sentence)
    ]
    assert said == []


def test_the_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@cache
def collected() -> frozenset[str]:
    """Every test that pytest finds, without its parameters. Read as text: to have pytest collect takes ten seconds."""
    return frozenset(
        f"{path.relative_to(ROOT)}::{name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in names_in(ast.parse(path.read_bytes()).body)
    )


def names_in(body: list[ast.stmt]) -> Iterator[str]:
    """The names of a module's tests; a class's stand behind its own."""
    for one in body:
        if isinstance(one, ast.ClassDef) and one.name.startswith("Test"):
            yield from (f"{one.name}::{name}" for name in names_in(one.body))
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test"):
            yield one.name


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def command_lines(text: str) -> list[str]:
    """What a page gives to be typed: in backticks, and in code blocks."""
    blocked = [
        line.removeprefix("$ ") for block in [*blocks(text, "sh"), *blocks(text, "")] for line in block.splitlines()
    ]
    lines = [line.split("#")[0].strip() for line in [*blocked, *spans(text)]]
    return [line for line in lines if re.match(r"(\w+=\S* )*synkron( |$)", line)]


def is_command(line: str) -> bool:
    """Whether the command is there, with the options that are given."""
    words = shlex.split(re.sub(r"[\[\]]", "", line))
    remaining = iter(words[words.index("synkron") + 1 :])
    command: Any = get_command(app)
    for word in remaining:
        below = getattr(command, "commands", {})
        if word.startswith("-"):
            found = [parameter for parameter in command.params if word in parameter.opts]
            if not found and word not in ("-h", "--help"):
                return False
            if found and not found[0].is_flag:
                next(remaining, None)
        elif word.isupper():
            return True
        elif below:
            if word not in below:
                return False
            command = loaded(below[word])
    return True


def commands(command: Any, words: tuple[str, ...] = ("synkron",)) -> list[tuple[list[str], Any]]:
    """Every command with the words that call it."""
    below = getattr(command, "commands", {}).items()
    return [(list(words), command), *(one for name, sub in below for one in commands(loaded(sub), (*words, name)))]


def loaded(command: Any) -> Any:
    """The command itself, where it is imported only when it is called."""
    return command.loaded if isinstance(command, Later) else command


# The sections that the operator names.
NAMED = ("types", "announce.channels", "api.oidc.permissions")


def keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every key that may be set, as the page writes it."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        section = next((part for part in parts(field.annotation) if issubclass(part, BaseModel)), None)
        key = f"{prefix}{field.alias or name}"
        if section is None:
            found.append(key)
        else:
            found += keys(section, f"{key}.NAME." if key in NAMED else f"{key}.")
    return found


def parts(annotation: Any) -> list[type]:
    """The classes that an annotation is made of."""
    if isinstance(annotation, type):
        return [annotation]
    return [one for part in get_args(annotation) for one in parts(part)]
