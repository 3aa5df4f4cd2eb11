"""The distribution's PgBouncer, between a test and its database, on loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.support.databases import Database

NOT_INSTALLED = (
    "The tests of poolers did not run: the distribution's PgBouncer is not installed (on Debian: apt-get install "
    "pgbouncer)."
)
USERS = ("synkron", "postgres", "outsider")


def program() -> Path | None:
    """PgBouncer's program, which is not on everybody's path; None where there is none."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


class PgBouncer:
    """One that runs. ``url`` leads through it; ``log`` is what it has said."""

    def __init__(self, direct: str, folder: Path, settings: dict[str, object]) -> None:
        self._direct = urlsplit(direct)
        self._folder = folder
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.port = free_port()
        self.log: list[str] = []

    @property
    def url(self) -> str:
        """The same database and role by way of the pooler."""
        return f"postgresql://{self._direct.username}@127.0.0.1:{self.port}{self._direct.path}"

    @property
    def socket_url(self) -> str:
        """The same over the pooler's Unix socket."""
        return f"postgresql://{self._direct.username}@{self._direct.path}?host={self._folder}&port={self.port}"

    async def start(self) -> None:
        """Start it; returns when it listens."""
        folder, port = (parse_qs(self._direct.query)[name][0] for name in ("host", "port"))
        own: dict[str, object] = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": self._folder,
            "auth_type": "trust",
            "auth_file": self._folder / "users",
            **self._settings,
        }
        (self._folder / "users").write_text("".join(f'"{name}" ""\n' for name in USERS))
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={folder} port={port}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in own.items())
        )
        # It refuses to run as root, and must reach the server's socket.
        owner = os.stat(folder) if os.geteuid() == 0 else None  # noqa: PTH116
        found = program()
        assert found is not None
        if owner is not None:
            os.chown(self._folder, owner.st_uid, owner.st_gid)
        self._process = await asyncio.create_subprocess_exec(
            found,
            self._folder / "pgbouncer.ini",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            user=owner and owner.st_uid,
            group=owner and owner.st_gid,
            extra_groups=() if owner else None,
        )
        says = self._process.stderr
        assert says is not None
        while line := await says.readline():
            self.log.append(line.decode())
            if "process up" in self.log[-1]:
                break
        else:
            raise AssertionError("".join(self.log))
        self._reading = asyncio.create_task(self._read(says))

    async def stop(self) -> None:
        """End it, and with it every connection."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, says: asyncio.StreamReader) -> None:
        while line := await says.readline():
            self.log.append(line.decode())


@asynccontextmanager
async def pgbouncer(database: Database, mode: str, **settings: object) -> AsyncIterator[PgBouncer]:
    """A pooler in this mode before the database, until the end of the block."""
    with TemporaryDirectory(prefix="synkron-pooler-") as folder:
        running = PgBouncer(database.url, Path(folder), {"pool_mode": mode, **settings})
        await running.start()
        try:
            yield running
        finally:
            await running.stop()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
