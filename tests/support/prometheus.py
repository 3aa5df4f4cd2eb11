"""The distribution's Prometheus, which scrapes a test's API on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession

from synkron.runtime import sleep
from tests.support.pgbouncer import free_port

NOT_INSTALLED = (
    "The test of /metrics by a real scraper did not run: the distribution's Prometheus is not installed (on Debian: "
    "apt-get install prometheus)."
)
PATIENCE, LOOK_AGAIN = 60.0, 0.1  # seconds


def program() -> Path | None:
    """Prometheus' program; None where there is none."""
    found = shutil.which("prometheus", path=f"{os.environ.get('PATH', '')}:/usr/bin")
    return Path(found) if found else None


class Prometheus:
    """One that runs."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url = url
        self._session = session

    async def ask(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """What the query answers: labels and values."""
        async with self._session.get(f"{self._url}/api/v1/query", params={"query": query}) as answer:
            found: dict[str, Any] = await answer.json()
        assert found["status"] == "success", found
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]

    async def until(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """The same, once there is an answer."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.ask(query)):
                await sleep(LOOK_AGAIN)
        return found


@asynccontextmanager
async def prometheus(target: str, tokens: Mapping[str, str | None]) -> AsyncIterator[Prometheus]:
    """Scrapes the target each second, with each of the tokens by its name, which is that of the job."""
    jobs = [
        {
            "job_name": name,
            "static_configs": [{"targets": [target.removeprefix("http://")]}],
            **({"authorization": {"credentials": token}} if token else {}),
        }
        for name, token in tokens.items()
    ]
    written = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
    found = program()
    assert found is not None
    with TemporaryDirectory(prefix="synkron-prometheus-") as folder:
        # It reads YAML, of which JSON is a part.
        (Path(folder) / "prometheus.yml").write_text(json.dumps(written))
        address = f"127.0.0.1:{free_port()}"
        process = await asyncio.create_subprocess_exec(
            found,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        says = process.stderr
        assert says is not None
        log: list[str] = []
        while line := await says.readline():
            log.append(line.decode())
            if "ready to receive web requests" in log[-1]:
                break
        else:
            raise AssertionError("".join(log))
        reading = asyncio.create_task(says.read())
        try:
            async with ClientSession() as session:
                yield Prometheus(f"http://{address}", session)
        finally:
            process.terminate()
            await process.wait()
            await reading
