"""The dashboard's words in each language: a folder of TOML files for each, whose names begin the keys.

``title`` in ``en/audit.toml`` is ``audit.title``. A text that counts has two forms, ``one`` and ``other``, and takes
``count``. What stands between backquotes is code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from markupsafe import Markup, escape

from synkron.text import printable

DEFAULT = "en"
# Each language's own name for itself.
LANGUAGES = {"en": "English", "nb": "Norsk bokmål"}
# Languages whose readers read another one of these best.
NEAR = {"no": "nb", "nn": "nb", "da": "nb", "sv": "nb"}


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, by key."""

    language: str
    texts: Mapping[str, str]

    def say(self, key: str, /, **values: object) -> str:
        """The text with the values in their places; whole numbers are written as the language does.

        A key that nobody has words for is said as it is: no page fails for want of a word.
        """
        counted = f"{key}.{'one' if values.get('count') == 1 else 'other'}"
        text = self.texts.get(key) or self.texts.get(counted) or key.rpartition(".")[2].replace("_", " ")
        filled = {name: self.number(one) if isinstance(one, int) else one for name, one in values.items()}
        return text.format_map(_Values(filled)) if filled else text

    def html(self, key: str, /, **values: object) -> Markup:
        """The same as HTML, in which what stands between backquotes is code."""
        return with_code(self.say(key, **values))

    def name(self, kind: str, value: str) -> str:
        """The word for a value of a closed set, such as a state; the value itself if the language has none for it."""
        return self.texts.get(f"{kind}.{value}", value.replace("_", " "))

    def number(self, number: int) -> str:
        """A whole number with its thousands apart."""
        return f"{number:,}" if self.language == "en" else f"{number:,}".replace(",", "\u00a0")

    def decimal(self, number: float, places: int = 1) -> str:
        """A number with so many decimals."""
        return f"{number:.{places}f}" if self.language == "en" else f"{number:.{places}f}".replace(".", ",")


class _Values(dict[str, object]):
    """The values by name; the place of one that is missing stays as it is written."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def with_code(text: str) -> Markup:
    """The text as HTML, in which what stands between backquotes is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(printable(text, keep="\n")))))  # noqa: S704 (escaped before)


@cache
def words_of(language: str) -> Words:
    """The words of one of ``LANGUAGES``."""
    folder = files("synkron").joinpath(f"service/dashboard/words/{language}")
    texts: dict[str, str] = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            texts |= dict(_flat(tomllib.loads(file.read_text("utf-8")), file.name.removesuffix(".toml")))
    return Words(language, texts)


def language_of(chosen: str | None, accepted: str) -> str:
    """The language that was chosen, or else the first one of ``Accept-Language`` that there is."""
    if chosen in LANGUAGES:
        return chosen
    asked = []
    for part in accepted[:200].split(","):
        name, _, weight = part.strip().partition(";q=")
        language = name.partition("-")[0].lower()
        try:
            asked.append((-float(weight or 1), NEAR.get(language, language)))
        except ValueError:
            continue
    return next((language for _, language in sorted(asked, key=lambda one: one[0]) if language in LANGUAGES), DEFAULT)


def _flat(texts: Mapping[str, object], before: str) -> Iterator[tuple[str, str]]:
    for name, value in texts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}.{name}")
        else:
            yield f"{before}.{name}", str(value)
