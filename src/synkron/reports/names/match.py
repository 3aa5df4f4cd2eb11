"""Which of the candidates a text names: by an id, a name, or a part of one. Pure.

Of a name only the letters and digits are compared, so that it can be written without what a shell understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from unicodedata import normalize

from synkron.text import one_line

# Of an id, this many characters at least; a number is given whole, since its beginning is another number.
SHORTEST_PREFIX = 4
_BETWEEN = re.compile(r"[\W_]+")
MOST_NEAR = 3


class AskedScope(NamedTuple):
    """What a command applies to, as a person writes it: ids, names, or parts of them."""

    org: str | None = None
    integration_type: str | None = None
    integration: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be named. A type's name is its id; an integration's is its organization's and its type."""

    id: str
    name: str


def matches(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates that the text names, each id once, by the first of these rules that fits any.

    1. It is the id.
    2. It is the id in another case.
    3. It is the name, in any case.
    4. It has the letters and digits of the name.
    5. They are a part of the name, and not only digits; or the id begins with the text.
    """
    asked, words = _folded(text), words_of(text)
    found: dict[int, dict[str, Candidate]] = {}
    for one in candidates:
        if (rule := _rule(text, asked, words, one)) is not None:
            found.setdefault(rule, {}).setdefault(one.id, one)
    return list(found[min(found)].values()) if found else []


def nearest(text: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Up to three candidates whose name, or a word of it, is written much like the text; the most alike first."""
    from difflib import get_close_matches

    by_key: dict[str, list[Candidate]] = {}
    for one in candidates:
        name = words_of(one.name)
        for key in filter(None, dict.fromkeys((name, *name.split()))):
            by_key.setdefault(key, []).append(one)
    asked = words_of(text)
    # To compare two texts takes so long that only those are compared which have a third of the pairs of letters.
    pairs = [asked[start : start + 2] for start in range(len(asked) - 1)]
    alike = [key for key in by_key if 3 * sum(pair in key for pair in pairs) >= len(pairs)]
    near = get_close_matches(asked, alike, n=2 * MOST_NEAR)
    return list(dict.fromkeys(one for key in near for one in by_key[key]))[:MOST_NEAR]


def forms(text: str) -> Sequence[str]:
    """The ids that the text may be as a whole: as it is written, and in small letters, as UUIDs are kept."""
    return list(dict.fromkeys((text, text.lower())))


def is_prefix(text: str) -> bool:
    """Whether the text may be the beginning of an id."""
    return len(text) >= SHORTEST_PREFIX and " " not in text


def words_of(name: str) -> str:
    """The letters and digits of the name, in small letters, with one blank for whatever is between them."""
    return _words(_folded(name))


def _rule(text: str, asked: str, words: str, one: Candidate) -> int | None:
    if one.id == text:
        return 1
    ident = one.id.casefold()
    if asked and ident == asked:
        return 2
    called = _folded(one.name)
    if asked and called == asked:
        return 3
    name = _words(called)
    if words and name == words:
        return 4
    begins = is_prefix(asked) and not ident.isdecimal() and ident.startswith(asked)
    return 5 if begins or (words and words in name and not words.isdecimal()) else None


def _words(folded: str) -> str:
    return folded if folded.replace(" ", "").isalnum() else " ".join(_BETWEEN.split(folded)).strip()


def _folded(text: str) -> str:
    """The text as it is compared: as it is shown, in one case and one way of writing accents."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split()).lower()
    return normalize("NFC", one_line(text)).casefold()
