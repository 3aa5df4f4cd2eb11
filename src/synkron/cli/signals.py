"""The signals that stop what serves."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, field

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Stop:
    """What the signals ask for: to stop, and to do so at once."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: asyncio.Event = field(default_factory=asyncio.Event)


def stop_on_signals() -> Stop:
    """From now on, a first signal to end asks to stop, a second to do so at once, and a third has its usual effect.

    The signals are SIGINT, SIGTERM, and SIGHUP (a closed terminal) where nohup did not silence it.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    silenced = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [number for number in SIGNALS if not (silenced and number is signal.SIGHUP)]

    def told() -> None:
        if not stop.asked.is_set():
            stop.asked.set()
            return
        stop.at_once.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, told)
    return stop
