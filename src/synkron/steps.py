"""Long pure work in steps, so that a process does other things in between. Pure: who runs it decides when."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

Answer = TypeVar("Answer")

Steps: TypeAlias = Generator[None, None, Answer]
"""Work that yields after each step, mostly of some microseconds, and returns its answer."""


def at_once(work: Steps[Answer]) -> Answer:
    """The answer, for a caller that has nothing else to do meanwhile."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
