"""The PostgreSQL that the distribution brings: an older version than the embedded one, and with JIT."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from synkron.postgres.embedded import EmbeddedServer
from synkron.postgres.embedded.account import Account
from synkron.postgres.statements import statements
from tests.support.accounts import account_in

INSTALLED = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """The folder of the newest version's programs; None where there is none."""
    found = [one.parent for one in INSTALLED.glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def has_extension(name: str) -> bool:
    """Whether the distribution's server can install the extension."""
    there = programs()
    return (
        there is not None and Path("/usr/share/postgresql", there.parent.name, "extension", f"{name}.control").exists()
    )


@contextmanager
def distribution_database(folder: Path, **others: str) -> Iterator[EmbeddedServer]:
    """Make a cluster in ``folder``, an empty one, and run its server, with the ``others`` as settings too."""
    there = programs()
    assert there is not None
    account = account_in(folder)
    data = folder / "data"
    run_program(account, there / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", data)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "autovacuum": "off",
        "jit": "on",
        "max_connections": "200",
        **others,
    }
    options = " ".join(f"-c {name.replace('__', '.')}='{value}'" for name, value in settings.items())
    run_program(
        account, there / "pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={folder}/log", f"--options={options}"
    )
    try:
        server = EmbeddedServer(folder)
        asyncio.run(_make_roles(server))
        yield server
    finally:
        run_program(account, there / "pg_ctl", "stop", "--mode=immediate", f"--pgdata={data}")


async def _make_roles(server: EmbeddedServer) -> None:
    connection = await asyncpg.connect(server.url("postgres", "postgres"))
    await connection.execute(statements("postgres/embedded/embedded")["roles"])
    await connection.close()


def run_program(account: Account | None, program: Path, *arguments: str | Path) -> None:
    """Run a program of the distribution's as the account: PostgreSQL refuses to run as root."""
    done = subprocess.run(
        [program, *arguments],
        cwd="/",
        env={"LC_ALL": "C"},
        user=account and account.uid,
        group=account and account.gid,
        extra_groups=() if account else None,
        stdin=subprocess.DEVNULL,
        # A file rather than a pipe: the server keeps it open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{program} failed"
