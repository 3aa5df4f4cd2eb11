"""Where log lines go: to stderr, for people at a terminal and as JSON lines elsewhere.

A line holds a traceback as Python writes it, never what the frames' variables held; no secret that was read; nothing
that drives a terminal; and at most 8 KB.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import typer

from synkron.cli.output import say_through
from synkron.cli.secrets import without_secrets
from synkron.errors import SettingsError
from synkron.runtime import before_the_first_line, log, log_through_structlog
from synkron.text import one_line, printable

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LONGEST_LINE = 8 * 1024
LONGEST_NOTE = 500
# How long a part of a line may be, until the whole fits.
LIMITS = [LONGEST_LINE >> halved for halved in range(8)]
TIME_OF_DAY = "%H:%M:%S"
COLORS = {"warning": "yellow", "error": "red", "critical": "red"}

Renderer = Callable[[Mapping[str, object]], str]


def set_up(*, verbose: bool, environment: Mapping[str, str], serving: bool = False) -> None:
    """Route every log line, our own and other packages', and what Python itself would write, through one format.

    ``SYNKRON_LOG_FORMAT`` chooses it: ``console`` or ``json``. Others' lines count from warnings on. What a command
    that is ``serving`` says becomes a line of a log in JSON, as a program reads that. Raises SettingsError.
    """
    chosen = environment.get("SYNKRON_LOG_FORMAT") or ("console" if sys.stderr.isatty() else "json")
    if chosen not in ("console", "json"):
        raise SettingsError([f'SYNKRON_LOG_FORMAT: expected "console" or "json"; found {chosen!r}'])
    handler = _ToStderr(sys.stderr)
    if chosen == "json":
        handler.setFormatter(_Formatter("iso", _json))
    else:
        handler.setFormatter(_Formatter(TIME_OF_DAY, _in_color if sys.stderr.isatty() else _for_people))
    level = logging.DEBUG if verbose else logging.INFO
    _route(handler, level=level, others=logging.INFO if verbose else logging.WARNING)
    _catch_all()
    say_through(_say_in_log if serving and chosen == "json" else None)


def keep(lines: deque[str]) -> None:
    """Send what matters, from warnings on, to ``lines`` instead of the terminal."""
    handler = _Keeping(lines)
    handler.setFormatter(_Formatter(TIME_OF_DAY, _brief))
    _route(handler, level=logging.WARNING, others=logging.WARNING)


def _say_in_log(line: str) -> None:
    level, mark, rest = line.partition(": ")
    if mark and level in ("error", "warning"):
        getattr(log, level)(rest)
    else:
        log.info(line)


def _route(handler: logging.Handler, *, level: int, others: int) -> None:
    """Send every line to ``handler`` alone: Synkron's from ``level`` on, those of other packages from ``others`` on."""
    logging.basicConfig(handlers=[handler], level=others, force=True)
    logging.getLogger("synkron").setLevel(level)
    log_through_structlog()
    if "structlog" in sys.modules:
        _configure()
    else:  # the first line brings it
        before_the_first_line(_configure)


def _configure() -> None:
    import structlog

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


def _catch_all() -> None:
    """Log what Python would write to stderr by itself: warnings, and exceptions that nobody catches."""
    logging.captureWarnings(True)
    logging.getLogger("asyncio").addFilter(_without_arguments)

    def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not SystemExit:
            log.error("uncaught exception", exc_info=(kind, error, trace))

    sys.excepthook = uncaught
    threading.excepthook = lambda caught: uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)
    sys.unraisablehook = lambda caught: uncaught(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _without_arguments(record: logging.LogRecord) -> bool:
    """Of what an event loop says of a failed callback, leave the first line up to the arguments, which it shows."""
    record.msg, record.args = record.getMessage().partition("\n")[0].partition("(")[0], None
    return True


class _Formatter(logging.Formatter):
    """Words a line. What it is made of is imported with the first."""

    def __init__(self, stamp: str, render: Renderer) -> None:
        super().__init__()
        self._stamp, self._render = stamp, render

    def format(self, record: logging.LogRecord) -> str:
        return self._made.format(record)

    @cached_property
    def _made(self) -> logging.Formatter:
        import structlog

        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.TimeStamper(fmt=self._stamp, utc=True),
                # As Python writes it. The renderers of structlog would show what the variables of each frame held.
                structlog.processors.format_exc_info,
                self._rendered,
            ],
        )

    def _rendered(self, _: object, __: str, line: EventDict) -> str:
        return _fitted({key: _fit_to_show(value) for key, value in line.items()}, self._render)


def _shared() -> list[Processor]:
    import structlog

    return [structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()]


def _fit_to_show(value: object) -> object:
    """The value without secrets, made of what JSON has."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {without_secrets(str(key)): _fit_to_show(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_fit_to_show(one) for one in value]
    return without_secrets(value if isinstance(value, str) else repr(value))


def _fitted(line: Mapping[str, object], render: Renderer) -> str:
    """The line in at most 8 KB. What is long loses its middle: the beginning and the end of a traceback say most."""
    for limit in LIMITS:
        text = render({key: _shortened(value, limit) for key, value in line.items()})
        if len(text.encode()) < LONGEST_LINE:
            return text
    essential = {key: line[key] for key in ("timestamp", "level", "event")}
    return render({key: _shortened(str(value), LIMITS[-1]) for key, value in essential.items()})


def _shortened(value: object, limit: int) -> object:
    text = value if isinstance(value, str) else str(value)
    if len(text) <= limit:
        return value
    kept = limit // 2
    return f"{text[:kept]} ... {len(text) - 2 * kept:,} characters are left out here ... {text[-kept:]}"


def _json(line: Mapping[str, object]) -> str:
    """ASCII only, in which nothing drives a terminal; the values are what they are."""
    return json.dumps(line)


def _for_people(line: Mapping[str, object]) -> str:
    """One line, with the time of day; below it, indented, so that nothing there looks like a line, the traceback."""
    parts = {key: str(value) for key, value in line.items()}
    head = f"{parts.pop('timestamp')} [{parts.pop('level')}] {printable(parts.pop('event'))}"
    below = [line for key in ("stack_info", "exception") for line in parts.pop(key, "").splitlines()]
    pairs = [f"{printable(key)}={_quoted(printable(value))}" for key, value in parts.items()]
    return "\n".join([" ".join([head, *pairs]), *(f"    {printable(line)}" for line in below)])


def _in_color(line: Mapping[str, object]) -> str:
    color = COLORS.get(str(line["level"]))
    return typer.style(_for_people(line), fg=color) if color else _for_people(line)


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text or not text else text


def _brief(line: Mapping[str, object]) -> str:
    """The time, what happened, and why; without the ids."""
    run = f" (run {line['run_id']})" if "run_id" in line else ""
    why = line.get("reason") or line.get("error") or line.get("exception") or ""
    return one_line(f"{line['timestamp']} {line['event']}{run}" + (f": {why}" if why else ""), LONGEST_NOTE)


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes lines. One that can't be written is told of without what it holds, which the library would show."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        kind = type(sys.exc_info()[1]).__name__
        with suppress(Exception):
            said = {"timestamp": "", "level": "error", "event": f"a line of {record.name} is lost ({kind})"}
            self.stream.write(_json(said) + self.terminator)


class _Keeping(logging.Handler):
    """Appends each line to ``lines``."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
