"""Where log lines go: to stderr, for people at a terminal and as JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Mapping

import structlog
from structlog.typing import EventDict, Processor

from synkron.errors import SettingsError

TIME_OF_DAY = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True)


def set_up(*, verbose: bool, environment: Mapping[str, str]) -> None:
    """Route every log line, our own and other packages', through one format.

    ``SYNKRON_LOG_FORMAT`` chooses it: ``console`` or ``json``. Others' lines count from warnings on.
    Raises SettingsError.
    """
    chosen = environment.get("SYNKRON_LOG_FORMAT") or ("console" if sys.stderr.isatty() else "json")
    if chosen not in ("console", "json"):
        raise SettingsError([f'SYNKRON_LOG_FORMAT: expected "console" or "json"; found {chosen!r}'])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_console(in_color=sys.stderr.isatty()) if chosen == "console" else _json_lines())
    level = logging.DEBUG if verbose else logging.INFO
    _route(handler, level=level, others=logging.INFO if verbose else logging.WARNING)


def keep(lines: deque[str]) -> None:
    """Send what matters, from warnings on, to ``lines`` instead of the terminal."""
    handler = _Keeping(lines)
    handler.setFormatter(_formatter(TIME_OF_DAY, _brief))
    _route(handler, level=logging.WARNING, others=logging.WARNING)


def _route(handler: logging.Handler, *, level: int, others: int) -> None:
    """Send every line to ``handler`` alone: Synkron's from ``level`` on, those of other packages from ``others`` on."""
    logging.basicConfig(handlers=[handler], level=others, force=True)
    logging.getLogger("synkron").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _console(*, in_color: bool) -> logging.Formatter:
    """One line for people, with the time of day."""
    renderer = structlog.dev.ConsoleRenderer(colors=in_color, pad_event_to=0, pad_level=False, sort_keys=False)
    return _formatter(TIME_OF_DAY, renderer)


def _json_lines() -> logging.Formatter:
    return _formatter(
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    )


def _brief(logger: object, method: str, line: EventDict) -> str:
    """The time, what happened, and why; without the ids."""
    del logger, method
    run = f" (run {line['run_id']})" if "run_id" in line else ""
    why = line.get("reason") or line.get("error") or line.get("exception") or ""
    return f"{line['timestamp']} {line['event']}{run}" + (f": {why}" if why else "")


def _formatter(*processors: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
    )


def _shared() -> list[Processor]:
    return [structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()]


class _Keeping(logging.Handler):
    """Appends each line to ``lines``."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
