"""The dashboard's words: every language has the same, every template says only them, and every one is said."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from synkron.service import dashboard
from synkron.service.dashboard.words import LANGUAGES, language_of, with_code, words_of

FOLDER = Path(dashboard.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
# What is the same in every language.
NAMES = {"Synkron", "UTC", "g"}
OTHERS = sorted(set(LANGUAGES) - {"en"})


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_says_the_same(language: str) -> None:
    own, english = words_of(language).texts, words_of("en").texts
    assert own.keys() == english.keys()
    assert {key: fields(text) for key, text in own.items()} == {key: fields(text) for key, text in english.items()}
    assert {key for key, text in own.items() if text.count("`") != english[key].count("`")} == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_words_of_its_own(template: Path) -> None:
    text = template.read_text("utf-8")
    for hidden in (r"\{#.*?#\}", r"\{%.*?%\}", r"\{\{.*?\}\}", r"<[^>]*>", r"&\w+;"):
        text = re.sub(hidden, " ", text, flags=re.DOTALL)
    assert set(re.findall(r"\w+", text)) - NAMES == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_says_exists(template: Path) -> None:
    texts = words_of("en").texts
    said = re.findall(r"\b(?:say|html)\('([\w.]+)'(?! ~)", template.read_text("utf-8"))
    assert [key for key in said if key not in texts and f"{key}.one" not in texts] == []


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "nb-NO,nb;q=0.9,en;q=0.8", "nb"),
        (None, "en-GB,en;q=0.9,nb;q=0.1", "en"),
        (None, "de,nn;q=0.5,en;q=0.4", "nb"),
        (None, "fr;q=x, ,;;", "en"),
        ("nb", "en", "nb"),
        ("xx", "no", "nb"),
    ],
)
def test_the_language_is_chosen_or_that_of_the_browser(chosen: str | None, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


def test_what_is_written_as_code_is_escaped() -> None:
    assert with_code("a `<b>` & `c`") == "a <code>&lt;b&gt;</code> &amp; <code>c</code>"
    assert words_of("nb").number(1234567) == "1\u00a0234\u00a0567"
