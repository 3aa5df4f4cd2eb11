"""A set of time, as spans that neither overlap nor touch. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

from synkron.model import Window


class Spans:
    """Time that is covered. Adding spans in order of time takes constant time each."""

    def __init__(self, spans: Iterable[Window] = ()) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        for span in spans:
            self.add(span)

    def __iter__(self) -> Iterator[Window]:
        return map(Window, self._starts, self._ends)

    def add(self, span: Window) -> None:
        """Cover the span, too. An empty one changes nothing."""
        if span.start >= span.end:
            return
        first, last = bisect_left(self._ends, span.start), bisect_right(self._starts, span.end)
        if first < last:
            span = Window(min(span.start, self._starts[first]), max(span.end, self._ends[last - 1]))
        self._starts[first:last] = [span.start]
        self._ends[first:last] = [span.end]

    def missing(self, span: Window) -> list[Window]:
        """The parts of the span that are not covered, in order."""
        found = []
        reached = span.start
        for index in range(bisect_right(self._ends, span.start), bisect_left(self._starts, span.end)):
            if self._starts[index] > reached:
                found.append(Window(reached, self._starts[index]))
            reached = self._ends[index]
        if reached < span.end:
            found.append(Window(reached, span.end))
        return found
