"""The log of Synkron. What it is made of, which is slow to import, is imported with the first line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

_prepare: list[Callable[[], None]] = []


class _Log:
    """The logger, found anew for each line, so that it is as it was set up last."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a method of the logger's
        import structlog

        while _prepare:
            _prepare.pop()()
        return getattr(structlog.get_logger("synkron"), name)


def before_the_first_line(prepare: Callable[[], None]) -> None:
    """Have this done before the next line is written; it takes the place of what was to be done before."""
    _prepare[:] = [prepare]


log = cast("BoundLogger", _Log())
