"""The demo as a newcomer meets it: a real process, for a minute and a half.

`python -m bench.demo` shows the same over five minutes, with the drift.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest
from bench.demo import observe

from synkron.postgres.embedded import EmbeddedServer
from tests.conftest import in_memory
from tests.end_to_end.processes import SYNKRON
from tests.support.hostile import HOSTILE, SPELT

PATIENCE = 100.0


# requirement R15
@pytest.mark.waits(minutes=2)
async def test_every_occurrence_of_every_live_integration_exactly_once() -> None:
    seen = await asyncio.to_thread(observe, 100)
    assert seen.expected
    assert (seen.missing, seen.doubled, seen.unexpected) == (set(), set(), set())
    assert seen.settled
    assert {run["state"] for run in seen.settled} == {"succeeded"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own, which is closed to the user that PostgreSQL runs as for root."""
    with TemporaryDirectory(prefix="synkron-demo-", dir=in_memory()) as made:
        yield Path(made)


async def test_a_row_that_would_drive_the_terminal_is_spelt_out_on_the_screen(folder: Path) -> None:
    """In the last line but one of a small terminal, where what can't run is told of."""
    ours, theirs = os.openpty()
    size = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    environment = {**os.environ, "SYNKRON_DATA_DIR": str(folder), **size}
    process = await asyncio.create_subprocess_exec(
        SYNKRON, "up", "--demo", env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while b"can't run" not in written:
                written += await asyncio.to_thread(os.read, ours, 65_536)
            await _add_hostile(EmbeddedServer(folder / "postgresql").url())
            while SPELT[:8].encode() not in written:
                written += await asyncio.to_thread(os.read, ours, 65_536)
            process.terminate()
            written += await asyncio.to_thread(_rest, ours)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)
    assert HOSTILE.encode() not in written
    # The link to the dashboard is the only sequence of its kind: nothing sets a title, or comes from a row.
    links = re.findall(rb"\x1b\](.*?)\x1b\\", written)
    assert len(links) == written.count(b"\x1b]")
    assert all(re.fullmatch(rb"8;(;|id=\d+;http://127\.0\.0\.1:\d+/login/[\w-]+)", one) for one in links)
    assert b"\x07" not in written
    assert "\u202e".encode() not in written


async def _add_hostile(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into organization_integrations (org_id, integration_type, cron_schedule) "
        "select id, $1, '* * * * *' from organizations limit 1",
        HOSTILE + "\u202e",
    )
    await connection.close()


def _rest(terminal: int) -> bytes:
    """What comes until nobody holds the other side any more."""
    written = b""
    try:
        while True:
            written += os.read(terminal, 65_536)
    except OSError:
        return written
