"""Text that would drive a terminal, and what no renderer may let through, said without the product's own tables."""

from __future__ import annotations

import re

from hypothesis import strategies as st

# It sets the window's title and clears the screen.
HOSTILE = "\x1b]0;X\x07\x1b[2J"
SPELT = r"\x1b]0;X\x07\x1b[2J"

CONTROLS = "\x00-\x1f\x7f-\x9f"
DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
LINE_ENDS = "\u2028\u2029"
UNSEEN = "\xad\u034f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
SURROGATES = "\ud800-\udfff"
DANGEROUS = re.compile(f"[{CONTROLS}{DIRECTIONS}{LINE_ENDS}{UNSEEN}{SURROGATES}]")

SAMPLES = (
    "\x00\x07\b\t\n\r\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u202e\u2028\u2029"
    "\u2066\ufe0f\ufeff\ud800\udfff\U000e0041"
)


def hostile_texts(longest: int = 60) -> st.SearchStrategy[str]:
    """Any text, in which such characters are frequent."""
    parts = st.one_of(st.sampled_from([HOSTILE, *SAMPLES]), st.characters(codec=None), st.sampled_from("aø世 \\"))
    return st.lists(parts, max_size=longest).map("".join)


def dangerous_in(shown: str, *, but: str = "") -> list[str]:
    """The dangerous characters that a renderer let through; ``but`` are those that it writes itself."""
    return [character for character in DANGEROUS.findall(shown) if character not in but]
