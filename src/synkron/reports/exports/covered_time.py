"""A set of time, as windows that neither overlap nor touch. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

from synkron.model import Window


class CoveredTime:
    """Time that is covered. Adding windows in order of time takes constant time each."""

    def __init__(self, windows: Iterable[Window] = ()) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        for window in windows:
            self.add(window)

    def __iter__(self) -> Iterator[Window]:
        return map(Window, self._starts, self._ends)

    def add(self, window: Window) -> None:
        """Cover the window, too. An empty one changes nothing."""
        if window.start >= window.end:
            return
        first, last = bisect_left(self._ends, window.start), bisect_right(self._starts, window.end)
        if first < last:
            window = Window(min(window.start, self._starts[first]), max(window.end, self._ends[last - 1]))
        self._starts[first:last] = [window.start]
        self._ends[first:last] = [window.end]

    def missing(self, window: Window) -> list[Window]:
        """The parts of the window that are not covered, in order."""
        found = []
        reached = window.start
        for index in range(bisect_right(self._ends, window.start), bisect_left(self._starts, window.end)):
            if self._starts[index] > reached:
                found.append(Window(reached, self._starts[index]))
            reached = self._ends[index]
        if reached < window.end:
            found.append(Window(reached, window.end))
        return found
