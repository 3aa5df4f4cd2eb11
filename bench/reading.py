"""One way of reading what is due, in a process of its own that is asked instant by instant.

    python -m bench.reading WAY URL

A line on standard input is an instant, and the answer on standard output a line of JSON: the seconds that the read
took, how many integrations are due, and a sum over their ids. A new process is cold: it has parsed nothing yet. Its
imports and its connection are made before the first question, and are in no figure.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from time import perf_counter
from typing import IO
from zlib import crc32

import asyncpg

from bench.fetch_all import Read, with_adbc, with_psycopg
from bench.optional import optional
from synkron import read_due_integrations

SYNKRON = "synkron"
PEERS = {"psycopg": ["psycopg"], "ADBC": ["adbc_driver_postgresql", "pyarrow"]}
"""The other ways, and the packages that each needs."""


@dataclass(frozen=True)
class Answer:
    """One read: how long it took, how many integrations it found, and a sum that tells others from the same."""

    seconds: float
    due: int
    ids: int


class Reader:
    """The process of a way, from the side that asks."""

    def __init__(self, asked: IO[str], answers: IO[str]) -> None:
        self._asked = asked
        self._answers = answers

    def ask(self, at: datetime) -> Answer:
        """Have it read what is due at the instant."""
        print(at.isoformat(), file=self._asked, flush=True)
        line = self._answers.readline()
        if not line:
            raise SystemExit("A reader ended before it answered; what it said of that stands above.")
        return Answer(**json.loads(line))


@contextmanager
def reader(way: str, url: str) -> Iterator[Reader]:
    """A new process for the way; it ends with the block."""
    command = [sys.executable, "-m", "bench.reading", way, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Reader(process.stdin, process.stdout)


def peers() -> list[str]:
    """The other ways whose packages are installed."""
    return [way for way, modules in PEERS.items() if all(optional(module) for module in modules)]


def label(way: str) -> str:
    """What the other way is called in a table, with what may change its figure."""
    if way == "psycopg":
        psycopg = optional("psycopg")
        assert psycopg is not None
        return f"fetch all with psycopg {psycopg.__version__} ({psycopg.pq.__impl__})"
    return f"fetch all with ADBC {version('adbc-driver-postgresql')}"


def main() -> None:
    """Answer until there are no more questions."""
    _, way, url = sys.argv
    # A row that can't run costs a warning at every read. They are made, and go no further.
    logging.getLogger("synkron").setLevel(logging.ERROR)
    read = {SYNKRON: _synkron, "psycopg": with_psycopg, "ADBC": with_adbc}[way](url)
    for line in sys.stdin:
        at = datetime.fromisoformat(line.strip())
        began = perf_counter()
        found = read(at)
        seconds = perf_counter() - began
        answer = {"seconds": seconds, "due": len(found), "ids": crc32("".join(sorted(found)).encode())}
        print(json.dumps(answer), flush=True)


def _synkron(url: str) -> Read:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(url))

    def read(at: datetime) -> list[str]:
        return [due.integration_id for due in loop.run_until_complete(read_due_integrations(at, connection))]

    return read


if __name__ == "__main__":
    main()
