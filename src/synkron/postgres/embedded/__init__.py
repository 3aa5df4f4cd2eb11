"""PostgreSQL 18 in a folder of the user: for ``synkron up --embedded`` and the demo, and for the tests.

    <data directory>/      0700
        postgresql/        0700; the cluster, its socket and its log
        start.lock         held by the process that starts or stops the server
        users.lock         held, shared, by every process that uses the server
        demo               there if the organizations are the demo's (``cli.serving``)

Locks end with their process, so a killed process is not counted as a user. ``cluster`` runs PostgreSQL's programs,
``programs`` finds them, and ``account`` chooses the user id that they run under when Synkron runs as root.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import asyncpg
from asyncpg import PostgresError
from platformdirs import user_data_path

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded.account import hand_over
from synkron.postgres.embedded.cluster import SOCKET, Cluster, answers, failure
from synkron.postgres.embedded.programs import programs as installed_programs
from synkron.postgres.embedded.programs import programs_for
from synkron.postgres.statements import statements

_DIRECTORY_OF_ROOT = Path("/var/lib/synkron")
_LONGEST_SOCKET_PATH = 103  # bytes, on macOS; Linux allows 107
_PATIENCE = 30.0  # seconds for a server that is still starting, recovering or stopping


def data_directory(environment: Mapping[str, str]) -> Path:
    """``SYNKRON_DATA_DIR`` if it is set, else the platform's user data directory for Synkron, as an absolute path.

    For root it is ``/var/lib/synkron``, because the server does not run as root and root's home is closed to others.
    If the user data directory exists already, root uses that. ``sudo`` may keep the home of a user who has one.
    """
    chosen = environment.get("SYNKRON_DATA_DIR")
    try:
        if chosen:
            return Path(chosen).expanduser().absolute()
    except RuntimeError:
        raise EmbeddedDatabaseError(
            f"SYNKRON_DATA_DIR is {chosen}, but that user has no home folder here. Give the folder's full path."
        ) from None
    found = user_data_path("synkron", appauthor=False)
    return _DIRECTORY_OF_ROOT if os.geteuid() == 0 and not found.exists() else found


def is_set_up(directory: Path) -> bool:
    """Whether the folder holds a cluster."""
    return (directory / "postgresql").exists()


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server."""

    socket_folder: Path

    def url(self, database: str = "synkron", user: str = "synkron") -> str:
        """The connection URL, over the Unix socket. The superuser is ``postgres``."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}&port=5432"


@contextmanager
def embedded_database(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    """Start or join the server of ``directory``. The last process that leaves it stops it, even if others were killed.

    Blocks, for about a second at the first start: inside an event loop, enter and leave it in a thread.
    ``settings`` are PostgreSQL's own; they apply if this call starts the server. If Synkron runs as root, the server
    does not (``account``). Raises EmbeddedDatabaseError.
    """
    directory = directory.resolve()
    with ExitStack() as resources:
        with _plain_errors(directory):
            server = _enter(directory, settings or {}, resources)
        yield server


@contextmanager
def running_database(directory: Path) -> Iterator[EmbeddedServer | None]:
    """The server of ``directory`` if one is running, which nothing keeps from stopping. Starts and writes nothing."""
    with _socket_folder(directory.resolve() / "postgresql") as folder:
        yield EmbeddedServer(folder) if answers(folder) else None


def _enter(directory: Path, settings: Mapping[str, str], resources: ExitStack) -> EmbeddedServer:
    installed_programs()  # Where they are not installed, nothing is made.
    _claim(directory)
    users = resources.enter_context(_lock_file(directory / "users.lock"))
    with _start_lock(directory) as start_lock:
        account = hand_over(directory) if os.geteuid() == 0 else None
        cluster = Cluster(directory / "postgresql", account, programs_for(account, directory))
        cluster.initialise(start_lock)
        server = EmbeddedServer(resources.enter_context(_socket_folder(cluster.folder)))
        fcntl.flock(users, fcntl.LOCK_SH)
        resources.callback(_leave, directory, users, cluster, server)
        _start(cluster, server, settings)
    return server


def _leave(directory: Path, users: int, cluster: Cluster, server: EmbeddedServer) -> None:
    with _start_lock(directory):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # Only a server that answers: after a crash, the process id in its file may belong to another program.
        if answers(server.socket_folder) and not cluster.stop() and answers(server.socket_folder):
            raise failure(f"The embedded PostgreSQL in {cluster.folder} did not stop", cluster.log())


def _claim(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = sorted(entry.name for entry in directory.iterdir())
    if found and "users.lock" not in found:
        raise EmbeddedDatabaseError(
            f"{directory} is not a data directory of Synkron: it contains {', '.join(found[:3])}. "
            "Set SYNKRON_DATA_DIR to an empty folder, or to one that does not exist yet."
        )


@contextmanager
def _start_lock(directory: Path) -> Iterator[int]:
    with _lock_file(directory / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _socket_folder(folder: Path) -> Iterator[Path]:
    """The cluster's folder, which contains the socket, or a link to it if clients can't use its path."""
    if len(os.fsencode(folder / SOCKET)) <= _LONGEST_SOCKET_PATH and "," not in str(folder):
        yield folder
        return
    with TemporaryDirectory(prefix="synkron-", ignore_cleanup_errors=True) as private:
        link = Path(private, "postgresql")
        link.symlink_to(folder)
        yield link


def _start(cluster: Cluster, server: EmbeddedServer, settings: Mapping[str, str]) -> None:
    not_yet = (asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError, ConnectionError, FileNotFoundError)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if answers(server.socket_folder) or cluster.launch(settings):
            with suppress(*not_yet):
                asyncio.run(_provide(server))
                return
        elif not cluster.predecessor_lives():
            break
        time.sleep(0.05)
    raise failure(f"The embedded PostgreSQL in {cluster.folder} can't start", cluster.log())


async def _provide(server: EmbeddedServer) -> None:
    """Create the roles and the database if they do not exist."""
    sql = statements("postgres/embedded/embedded")
    connection = await asyncpg.connect(server.url("postgres", "postgres"))
    try:
        await connection.execute(sql["lock"])  # The session of a killed process may still be doing the same.
        await connection.execute(sql["roles"])
        if not await connection.fetchval(sql["database_exists"]):
            await connection.execute(sql["database"])
    finally:
        await connection.close()


@contextmanager
def _plain_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.filename or directory}: {error.strerror or error}"
        raise failure(f"The data directory {directory} can't be used", reason) from error
    except PostgresError as error:
        raise failure(f"The embedded PostgreSQL in {directory} can't be prepared", str(error)) from error
