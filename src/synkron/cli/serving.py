"""Serve until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Mapping

from synkron.service import Role, serve
from synkron.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def serving(url: str, settings: Settings, roles: Collection[Role], environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM; a second one hands back what is under way."""
    stop, at_once = asyncio.Event(), asyncio.Event()
    on_signal(stop, at_once)
    await serve(url, settings, roles, stop, environment, at_once=at_once)


def on_signal(stop: asyncio.Event, at_once: asyncio.Event) -> None:
    """Let a first signal to end set ``stop`` and a second ``at_once``; a third has its usual effect.

    The signals are SIGINT, SIGTERM, and SIGHUP (a closed terminal) where nohup did not silence it.
    """
    loop = asyncio.get_running_loop()
    numbers = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def told() -> None:
        if not stop.is_set():
            stop.set()
            return
        at_once.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, told)
