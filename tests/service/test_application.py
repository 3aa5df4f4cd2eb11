"""The service inside a program: it begins and ends with the block, and leaves alone what is the program's."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from pydantic import SecretStr

import synkron
from synkron.errors import DatabaseUnreachable, SettingsError, SourceTableMissing
from synkron.model import Run
from synkron.service.host_log import without_secrets
from synkron.settings.load import HealthSettings, Settings, TypeSettings
from tests.conftest import Connection
from tests.support.databases import Database
from tests.support.fleet import add_integration, nothing_queued, watching
from tests.support.working import claim

# No vendor is asked.
QUIET = {name: TypeSettings(health=HealthSettings(mode="passive")) for name in ("xledger", "dynamics", "bufdir")}


def settings_on(database: Database, **others: Any) -> Settings:
    return Settings(database_url=SecretStr(database.url), types=QUIET, **others)


def nothing(run: Run) -> None:
    del run


async def test_a_callable_is_called_and_the_process_says_goodbye(database: Database, connection: Connection) -> None:
    """Also one of a type that the settings do not have."""
    for kind in ("xledger", "payroll"):
        await add_integration(connection, "0 2 2 3 *", kind)
    called: list[str] = []
    types = {"payroll": TypeSettings(), **QUIET}
    await claim(connection, settings=Settings(types=types))

    async def awaited(run: Run) -> None:
        called.append(run.integration_type)

    targets = {"xledger": awaited, "payroll": lambda run: called.append(run.integration_type)}
    async with watching(database) as until, synkron.running(settings_on(database), targets=targets):
        assert await connection.fetchval("select count(*) from synkron.nodes where stopped_at is not null") == 0
        await until(nothing_queued)
    assert sorted(called) == ["payroll", "xledger"]
    assert await connection.fetchval("select count(*) from synkron.nodes where stopped_at is null") == 0


async def test_what_the_block_raises_is_raised_when_all_has_ended(database: Database) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        async with synkron.running(settings_on(database), roles=["worker"]):
            _ = 1 / 0
    assert asyncio.all_tasks() <= before


async def test_cancelled_twice_it_hands_back_what_is_under_way(database: Database, connection: Connection) -> None:
    """The run is as it was, for another process to take."""
    await add_integration(connection, "0 2 2 3 *")
    await claim(connection)
    called, begun = asyncio.Event(), asyncio.Event()

    async def hangs(_: Run) -> None:
        called.set()
        await asyncio.Event().wait()

    async def program() -> None:
        settings = settings_on(database, shutdown_grace=timedelta(hours=1))
        async with synkron.running(settings, roles=["worker"], targets={"xledger": hangs}):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(program())
    async with asyncio.timeout(60):
        await begun.wait()
        await called.wait()
        task.cancel()
        for _ in range(5):  # turns of the loop, in which the block ends
            await asyncio.wait({task}, timeout=0)
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert await connection.fetchval("select state from synkron.runs") == "claimed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"roles": ["sheduler"]},
            "roles: expected a list of one or more of scheduler, worker, api; found ['sheduler']",
        ),
        ({"roles": "worker"}, "found 'worker'"),
        ({"roles": []}, "found []"),
        ({"roles": None}, "roles: expected a list of one or more of scheduler, worker, api; found None"),
        ({"roles": 7}, "found 7"),
        ({"roles": [["worker"]]}, "found [['worker']]"),
        ({"targets": None}, "targets: expected callables by integration type; found None"),
        ({"targets": [nothing]}, "targets: expected callables by integration type; found [<function nothing"),
        ({"targets": {"xledger": "exports:run"}}, "types.xledger.target: builtins.str can't be called"),
        ({"targets": {"xledger": None}}, "types.xledger.target: builtins.NoneType can't be called"),
        ({"targets": {"xledger": lambda: None}}, "can't be called with a run as its only argument"),
        ({"targets": {"x\x1b": nothing}}, 'targets: "x\\u001b": expected an integration type'),
        ({"targets": {"dynamics": nothing}}, "types.dynamics.target: set in the settings and in `targets`"),
        ({"targets": {"bufdir": nothing}}, "types.bufdir.secret: only an HTTP target uses it"),
    ],
)
async def test_what_can_t_be_is_said_before_anything_begins(
    database: Database, connection: Connection, options: dict[str, Any], said: str
) -> None:
    types = {"dynamics": TypeSettings(target="https://example.com/sync"), "bufdir": TypeSettings(secret="env:NO_SUCH")}
    with pytest.raises(SettingsError) as refused:
        async with synkron.running(settings_on(database).model_copy(update={"types": with_names(types)}), **options):
            pytest.fail("the block began")
    assert said in str(refused.value)
    assert await connection.fetchval("select count(*) from synkron.nodes") == 0


def with_names(types: dict[str, TypeSettings]) -> dict[str, TypeSettings]:
    return {name: one.named(name) for name, one in {**QUIET, **types}.items()}


async def test_settings_that_are_none_are_refused(database: Database) -> None:
    wrong: Any = {"database_url": database.url}
    with pytest.raises(
        SettingsError, match=r"settings: expected what `synkron\.load_settings\(\)` returns; found a dict"
    ):
        async with synkron.running(wrong):
            pytest.fail("the block began")


async def test_what_is_wrong_with_the_database_is_raised_too(
    bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNKRON_DATABASE_URL", raising=False)
    elsewhere = SecretStr("postgresql://synkron@127.0.0.1:1/app")
    for settings, error, said in (
        (Settings(types=QUIET), SettingsError, "database_url: not set; set SYNKRON_DATABASE_URL"),
        (Settings(types=QUIET, database_url=elsewhere), DatabaseUnreachable, "127.0.0.1:1"),
        (settings_on(bare_database), SourceTableMissing, "synkron migrate --with-source-tables"),
    ):
        with pytest.raises(error, match=said):
            async with synkron.running(settings, roles=["worker"]):
                pytest.fail("the block began")


async def test_the_settings_are_read_where_none_are_given(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url)
    (tmp_path / "synkron.toml").write_text("[types.xledger]\ntarget = 7\n")
    with pytest.raises(SettingsError, match=r"types\.xledger\.target"):
        async with synkron.running():
            pytest.fail("the block began")


def of_the_program() -> object:
    """What belongs to the program and not to Synkron."""
    loggers = [logging.getLogger(), *map(logging.getLogger, ("synkron", "apprise", "urllib3", "asyncio", "pgqueuer"))]
    return (
        [(one.name, one.level, one.propagate, list(one.handlers), one.disabled) for one in loggers],
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        (gc.get_threshold(), gc.get_freeze_count(), logging.captureWarnings),
        asyncio.get_running_loop().get_exception_handler(),
    )


async def test_what_is_the_program_s_stays_as_it_is(database: Database) -> None:
    for name in ("apprise", "requests"):
        import_module(name)  # They set up their own loggers.
    channels = {"chat": "json://localhost/x"}
    gc.unfreeze()  # what a service that another test ran in this process has frozen, and which may end meanwhile
    before = of_the_program()
    async with synkron.running(settings_on(database, announce={"channels": channels})):
        assert of_the_program() == before
    assert of_the_program() == before


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a handler of the program's writes of Synkron's log."""
    written: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(f"{self.format(record)} {getattr(record, 'facts', {})}")

    handler, ours = Handler(), logging.getLogger("synkron")
    ours.addHandler(handler)
    yield written
    ours.removeHandler(handler)


@pytest.mark.parametrize(
    "write",
    [
        lambda ours, secret: ours.warning("it is %s of 100 %%", secret),
        lambda ours, secret: ours.warning("it is", extra={"facts": {"url": f"http://{secret}/", "run_id": 7}}),
        lambda ours, secret: ours.error("it failed", exc_info=ValueError(secret)),
    ],
    ids=["message", "facts", "traceback"],
)
def test_no_line_shows_a_secret_meanwhile(write: Callable[[logging.Logger, str], None], lines: list[str]) -> None:
    ours, secret = logging.getLogger("synkron"), "pl4nted-s3cret"
    with without_secrets([SecretStr(secret)]):
        write(ours, secret)
    write(ours, secret)
    meanwhile, afterwards = lines
    assert meanwhile == afterwards.replace(secret, "[redacted]")
    assert "[redacted]" in meanwhile
