"""Long pure work in steps, so that a process can do other things in between. Pure: the caller decides when."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

Answer = TypeVar("Answer")

Steps: TypeAlias = Generator[None, None, Answer]
"""Work that yields after each step, usually some microseconds long, and returns its result."""


def at_once(work: Steps[Answer]) -> Answer:
    """The result, for a caller that has nothing else to do meanwhile."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
