"""An endpoint on loopback, in a process of its own, that answers 200 and counts the keys it is given.

    python -m bench.receiver

Writes its address on a line. A POST anywhere is a delivery; a GET answers how often each key came, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from aiohttp import web

from bench.service import MODULES
from synkron.runtime import run

PATIENCE = 60.0


@contextmanager
def receiving() -> Iterator[str]:
    """The address of a receiver that is ended afterwards."""
    command = [sys.executable, "-m", "bench.receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=MODULES) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def received(address: str) -> Counter[str]:
    """How often each key came."""
    with urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310  our own
        return Counter(json.load(answer))


async def main() -> None:
    """Serve until killed."""
    keys: Counter[str] = Counter()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response(keys)
        await request.read()
        keys[request.headers["Idempotency-Key"]] += 1
        return web.Response()

    # Without an application: no routes, no middleware, no access log; what is measured is who sends.
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}/", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    run(main())
