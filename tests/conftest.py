"""A real PostgreSQL for the whole session, and a fresh database, cloned from a template, for each test that asks.

Everything runs in a hostile time zone: the process's own and the servers' are +12:45, in whose summer they are
+13:45, so that a forgotten zone shows. The servers have it from their start: as a setting of its database, each
session would read the zone's file anew.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

ZONE = "Pacific/Chatham"
os.environ["TZ"] = ZONE
time.tzset()
# To read the authorities that a system trusts takes 50 ms, of each process that imports aiohttp and of each client of
# Supabase's. No test asks a vendor, so these trust one authority, which has signed nothing.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("support") / "nobody.pem")
gc.disable()  # while the tests are collected, which takes half as long
# A shell's background jobs ignore Ctrl-C, and so would every process that a test starts and stops with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

import asyncpg  # noqa: E402
import pytest  # noqa: E402
import structlog  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

from synkron.cli.output import say_through  # noqa: E402
from synkron.cli.secrets import hide  # noqa: E402
from synkron.operations.access import passwords  # noqa: E402
from synkron.postgres.connection import Pool  # noqa: E402
from synkron.postgres.embedded import EmbeddedServer, embedded_database  # noqa: E402
from synkron.runtime import log_through_structlog  # noqa: E402
from tests.support import browser, pgbouncer, prometheus  # noqa: E402
from tests.support.databases import Database, bare, migrated, templates  # noqa: E402
from tests.support.distribution import distribution_database, programs  # noqa: E402
from tests.support.driver import remember_types  # noqa: E402
from tests.support.template import WITHOUT_PARTITIONS  # noqa: E402

# A session finds what its functions are written in loaded already. No test waits for autovacuum, and its launcher holds
# on to the statistics of databases that are gone: to drop another one in such a place then stops the server.
HURRIED = {
    "fsync": "off",
    "shared_preload_libraries": "plpgsql",
    "autovacuum": "off",
    "timezone": ZONE,
    "io_method": "sync",
}
MEMORY = 3 * 1024**3  # free; two processes that run all the tests, beside four that wait, take 2.3 GB

# A hash of the service's takes 50 ms and more of every core; two tests make one.
SERVICE_COST = passwords.COST
passwords.COST = (1, 8, 1)
remember_types()
# As the command line does, so that `structlog.testing.capture_logs` sees each line.
log_through_structlog()
hypothesis_settings.register_profile("synkron", deadline=None, derandomize=True)
hypothesis_settings.load_profile("synkron")

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

EMBEDDED, DISTRIBUTION = "embedded_server", "distribution_server"
SERVERS = {"server", EMBEDDED, DISTRIBUTION}
NO_DISTRIBUTION = (
    "The tests marked each_server ran on the embedded PostgreSQL alone: the distribution's is not installed "
    "(on Debian: apt-get install postgresql)."
)


def pytest_configure() -> None:
    if programs() is None and os.environ.get("CI"):
        raise pytest.UsageError(NO_DISTRIBUTION)
    for one in (browser, pgbouncer, prometheus):
        if one.program() is None and os.environ.get("CI"):
            raise pytest.UsageError(one.NOT_INSTALLED)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What depends on plans, settings or versions runs on two servers, ``but`` where a test says why not."""
    marker = metafunc.definition.get_closest_marker("each_server")
    if marker is not None and "but" not in marker.kwargs and "server" in metafunc.fixturenames:
        names = [EMBEDDED] if programs() is None else [EMBEDDED, DISTRIBUTION]
        metafunc.parametrize("server", names, indirect=True, scope="session", ids=lambda name: name.partition("_")[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a database, and put what waits for minutes first, the longest before the others.

    With ``--dist=load``, each process begins with two tests that stand beside each other: after a long one comes a
    short one.
    """
    for item in items:
        if isinstance(item, pytest.Function) and not SERVERS.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.database)
    if long := sorted(filter(minutes_of, items), key=minutes_of, reverse=True):
        short = [item for item in items if not minutes_of(item)]
        items[:] = [item for pair in zip_longest(long, short) for item in pair if item]


def minutes_of(item: pytest.Item) -> float:
    """How many minutes the test waits for, as its marker says."""
    marker = item.get_closest_marker("waits")
    return float(marker.kwargs["minutes"]) if marker else 0.0


def pytest_collection_finish() -> None:
    """What has been collected stays until the end: the collector of garbage need not look at it, then or later."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if programs() is None:
        terminalreporter.write_line(NO_DISTRIBUTION, yellow=True)
    for one in (browser, pgbouncer, prometheus):
        if one.program() is None:
            terminalreporter.write_line(one.NOT_INSTALLED, yellow=True)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> EmbeddedServer:
    running: EmbeddedServer = request.getfixturevalue(getattr(request, "param", EMBEDDED))
    return running


def in_memory() -> Path | None:
    """A folder for the servers' data: in memory where that has room, where a clone takes a tenth of the time.

    None is the usual one for temporary files. Neither is pytest's own: another session of root's closes that to
    PostgreSQL's user while this one runs.
    """
    memory = Path("/dev/shm")  # noqa: S108 (a folder of a random name is made in it)
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > MEMORY else None


@pytest.fixture(scope="session")
def distribution_server() -> Iterator[EmbeddedServer]:
    with (
        TemporaryDirectory(prefix="synkron-tests-", dir=in_memory()) as folder,
        distribution_database(Path(folder), timezone=ZONE) as running,
        templates(running),
    ):
        yield running


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[EmbeddedServer]:
    with (
        TemporaryDirectory(prefix="synkron-tests-", dir=in_memory()) as folder,
        embedded_database(Path(folder), settings=HURRIED) as running,
        templates(running),
    ):
        yield running


@pytest.fixture
async def database(server: EmbeddedServer) -> AsyncIterator[Database]:
    """A migrated database with the application's two tables, empty."""
    async for made in migrated(server):
        yield made


@pytest.fixture
async def bare_database(server: EmbeddedServer) -> AsyncIterator[Database]:
    """An empty database that belongs to the service's role: nothing is installed."""
    async for made in bare(server):
        yield made


@pytest.fixture
async def no_partitions(database: Database) -> None:
    """The test's ledger is as `synkron migrate` leaves it: no month has a partition yet."""
    opened = await asyncpg.connect(database.url)
    await opened.execute(WITHOUT_PARTITIONS)
    await opened.close()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """A connection to the test's database, as the service's role."""
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections to the test's database, as the service's role."""
    async with asyncpg.create_pool(database.url, min_size=1, max_size=10) as opened:
        yield opened


@pytest.fixture
def service_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as the service does."""
    monkeypatch.setattr(passwords, "COST", SERVICE_COST)


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Puts back what a command does to logging, which is the process's own, and forgets the secrets it has read."""
    root, ours = logging.getLogger(), logging.getLogger("synkron")
    handlers, levels, configuration = root.handlers[:], (root.level, ours.level), structlog.get_config()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    hide(())
    say_through(None)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    structlog.configure(**configuration)
