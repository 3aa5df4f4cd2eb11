"""A target on loopback, in a process of its own, that accepts each run with 202 and completes it over the API.

    python -m bench.completer API [hold]

The secret with which it signs is the first line of stdin. Writes its address on a line. A POST is a delivery; a GET
answers how often each status came, and how many milliseconds each completion took, as JSON. With ``hold`` it completes
nothing before a PUT, whose body is how many it then completes a second.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from urllib.request import Request, urlopen

from aiohttp import ClientSession, TCPConnector, web
from standardwebhooks import Webhook

from bench.receiver import PATIENCE
from bench.service import MODULES, pause
from synkron.runtime import run

AT_ONCE = 50


@contextmanager
def completing(api: str, secret: str, *, hold: bool = False) -> Iterator[str]:
    """The address of a target that is ended afterwards."""
    command = [sys.executable, "-m", "bench.completer", api, *(["hold"] if hold else [])]
    with subprocess.Popen(command, text=True, cwd=MODULES, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            print(secret, file=process.stdin, flush=True)
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def begin(address: str, rate: int) -> None:
    """Tell a target that holds to complete so many runs a second from now on."""
    with urlopen(Request(address, str(rate).encode(), method="PUT"), timeout=PATIENCE):  # noqa: S310  our own
        pass


def completed(address: str) -> tuple[Counter[int], list[float]]:
    """How often each status came, and how many milliseconds each completion took."""
    with urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310  our own
        said = json.load(answer)
    return Counter({int(status): count for status, count in said["statuses"].items()}), said["milliseconds"]


async def main() -> None:
    """Serve until killed."""
    api, webhook = sys.argv[1], Webhook(sys.stdin.readline().strip())
    statuses: Counter[int] = Counter()
    milliseconds: list[float] = []
    accepted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    held: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    begun: list[asyncio.Task[None]] = []
    holds = "hold" in sys.argv

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"statuses": statuses, "milliseconds": milliseconds})
        if request.method == "PUT":
            begun.append(asyncio.create_task(release(int(await request.read()))))
            return web.Response()
        (held if holds else accepted).put_nowait(json.loads(await request.read()))
        return web.Response(status=202)

    async def release(rate: int) -> None:
        began, count = perf_counter(), 0
        while True:
            while count < (perf_counter() - began) * rate:
                accepted.put_nowait(await held.get())
                count += 1
            await pause(0.01)

    async def complete(session: ClientSession) -> None:
        while True:
            run = await accepted.get()
            told = {"idempotency_key": run["idempotency_key"], "attempt": run["attempt"], "outcome": "succeeded"}
            body, now, name = json.dumps(told), datetime.now(UTC), run["idempotency_key"]  # noqa: TID251  a target's own
            headers = {
                "webhook-id": name,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": webhook.sign(name, now, body),
            }
            began = perf_counter()
            async with session.post(f"{api}/v1/runs/{run['run_id']}/complete", data=body, headers=headers) as said:
                await said.read()
                statuses[said.status] += 1
                milliseconds.append(round(1000 * (perf_counter() - began), 2))

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}/", flush=True)
    async with ClientSession(connector=TCPConnector(limit=AT_ONCE)) as session:
        await asyncio.gather(*(complete(session) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    run(main())
