"""The distribution's PostgreSQL with TLS, on loopback, and the certificates that it shows."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.support.accounts import account_in
from tests.support.distribution import programs, run_program

PASSWORD = "p@ss#w/rd?:%&"
ENCODED = "p%40ss%23w%2Frd%3F%3A%25%26"


class TlsServer:
    """A server that takes passwords over TLS alone, but for a role that may do without."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def file(self, name: str) -> str:
        """The path of a certificate or key."""
        return str(self.folder / name)

    def url(self, query: str = "", host: str = "localhost", password: str = ENCODED) -> str:
        """The address with these parameters, in which CA stands for the path of the authority's certificate."""
        return f"postgresql://anna:{password}@{host}:{self.port}/postgres?{query.replace('CA', self.file('ca.crt'))}"


def can_run() -> bool:
    """Whether this host has what it takes."""
    return programs() is not None and shutil.which("openssl") is not None


@contextmanager
def tls_server(folder: Path, certificate: str) -> Iterator[TlsServer]:
    """Make a cluster in ``folder``, an empty one, and run its server with this certificate."""
    bin_folder = programs()
    assert bin_folder is not None
    account = account_in(folder)
    data = folder / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run_program(account, bin_folder / "initdb", "--username=postgres", "--auth=trust", "--locale=C", data)
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    key = data / "server.key"
    shutil.copy(folder / f"{certificate}.key", key)
    key.chmod(0o600)
    if account is not None:
        shutil.chown(key, *account)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "ssl": "on",
        "ssl_cert_file": str(folder / f"{certificate}.crt"),
        "ssl_key_file": str(key),
    }
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    run_program(
        account,
        bin_folder / "pg_ctl",
        "start",
        "--wait",
        f"--pgdata={data}",
        f"--log={folder}/log",
        f"--options={options}",
    )
    try:
        asyncio.run(_make_role(folder, port))
        yield TlsServer(folder, port)
    finally:
        run_program(account, bin_folder / "pg_ctl", "stop", "--mode=immediate", f"--pgdata={data}")


def make_certificates(folder: Path) -> None:
    """An authority, and certificates of it for ``localhost``: a valid one and one that has expired. And a stranger."""
    _openssl(folder, "req -x509 -newkey ec:PARAMETERS -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority")
    _openssl(
        folder, "req -x509 -newkey ec:PARAMETERS -nodes -keyout stranger.key -out stranger.crt -days 2 -subj /CN=x"
    )
    for name, days in (("valid", "2"), ("expired", "-1")):
        _openssl(folder, f"req -newkey ec:PARAMETERS -nodes -keyout {name}.key -out {name}.csr -subj /CN=localhost")
        _openssl(
            folder,
            f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out {name}.crt -days {days} "
            "-extfile names",
        )
    for file in folder.glob("*.crt"):
        file.chmod(0o644)


def _openssl(folder: Path, arguments: str) -> None:
    (folder / "curve").exists() or subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-out", "curve"], cwd=folder, check=True
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    words = arguments.replace("PARAMETERS", "curve").split()
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


async def _make_role(folder: Path, port: int) -> None:
    connection = await asyncpg.connect(f"postgresql://postgres@/postgres?host={folder}&port={port}")
    quoted = PASSWORD.replace("'", "''")
    await connection.execute(f"create role anna login password '{quoted}'")
    await connection.close()
