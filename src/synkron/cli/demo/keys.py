"""The keys that are typed while the demo's screen is shown. Ctrl-C stays a signal."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Keys:
    """How often something was typed."""

    typed: int = 0

    @property
    def ask_for_help(self) -> bool:
        """A first key shows the help, and the next one ends it."""
        return self.typed % 2 == 1


@contextmanager
def pressed_keys() -> Iterator[Keys]:
    """The keys as they are typed, without Enter and without an echo; none where nobody can type."""
    keys = Keys()
    if not _can_type():
        yield keys
        return
    import termios
    import tty

    place, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(place)

    def read() -> None:
        if os.read(place, 1024):  # an arrow or a pasted text is several bytes
            keys.typed += 1
        else:
            loop.remove_reader(place)

    tty.setcbreak(place)
    loop.add_reader(place, read)
    try:
        yield keys
    finally:
        loop.remove_reader(place)
        termios.tcsetattr(place, termios.TCSADRAIN, before)


def _can_type() -> bool:
    """Whether stdin is a terminal that is ours: in the background, to ask for a key would stop the process."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
