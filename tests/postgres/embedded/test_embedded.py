"""The embedded PostgreSQL, on the real thing: what it gives, and where it runs."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from synkron.errors import EmbeddedDatabaseError
from synkron.postgres.embedded import EmbeddedServer, data_directory, embedded_database
from tests.conftest import in_memory
from tests.postgres.embedded.processes import another_process, ask, postmaster


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServer]:
    with TemporaryDirectory(prefix="synkron-test-", dir=in_memory()) as name, embedded_database(Path(name)) as server:
        yield server


def test_the_roles_are_those_of_supabase_and_one_for_synkron(shared: EmbeddedServer) -> None:
    roles = ask(
        shared.url(),
        "select rolname, rolcanlogin, rolbypassrls, rolsuper or rolcreaterole or rolcreatedb or rolreplication "
        "from pg_roles where rolname !~ '^pg_' order by rolname",
    )
    assert roles == [
        # role, login, bypassrls, any power over the server
        ("anon", False, False, False),
        ("authenticated", False, False, False),
        ("postgres", True, True, True),
        ("service_role", False, True, False),
        ("synkron", True, True, False),
    ]


def test_synkron_owns_its_database_and_no_role_is_a_member_of_another(shared: EmbeddedServer) -> None:
    assert ask(shared.url(), "select current_user, current_database()") == [("synkron", "synkron")]
    assert ask(shared.url(), "select datdba::regrole::text from pg_database where datname = 'synkron'") == [
        ("synkron",)
    ]
    assert ask(shared.url(), "select member from pg_auth_members where member >= 16384") == []


def test_it_keeps_what_it_commits_in_utc(shared: EmbeddedServer) -> None:
    settings = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "timezone", "listen_addresses")
    query = f"select {', '.join(f'current_setting({name!r})' for name in settings)}"
    assert ask(shared.url(), query) == [("on", "on", "on", "on", "UTC", "")]


def test_the_superuser_may_make_further_databases(shared: EmbeddedServer) -> None:
    ask(shared.url("postgres", "postgres"), "create database copy template synkron owner synkron")
    assert ask(shared.url("copy"), "select current_database()") == [("copy",)]


def test_only_its_owner_reaches_the_socket(shared: EmbeddedServer) -> None:
    cluster = shared.socket_folder.stat()
    assert stat.S_IMODE(cluster.st_mode) == 0o700
    assert cluster.st_uid != 0
    assert (shared.socket_folder / ".s.PGSQL.5432").is_socket()


def test_settings_are_handed_to_the_server(set_up: Path) -> None:
    with embedded_database(set_up, {"fsync": "off", "application_name": "it's $HOME"}) as server:
        query = "select current_setting('fsync'), current_setting('application_name')"
        assert ask(server.url(), query) == [("off", "it's $HOME")]


@pytest.mark.parametrize(
    "name",
    ["50%, \"quoted\" 'twice' & $HOME; `id` \\ ü?#", "/".join(["a-long-name" * 8] * 8)],
    ids=["spaces and characters that shells and URLs read", "longer than a socket's path may be"],
)
def test_any_path_will_do(folder: Path, name: str) -> None:
    with embedded_database(folder / name) as server:
        assert ask(server.url(), "select 1") == [(1,)]


def test_it_is_silent_and_leaves_the_environment_alone(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {
        "PGPORT": "1",
        "PGHOST": "nowhere",
        "PGDATA": "/",
        "TZ": "Asia/Kathmandu",
        "XDG_RUNTIME_DIR": "/none",
    }
    for variable, value in hostile.items():
        monkeypatch.setenv(variable, value)
    with another_process(set_up):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_learns_nothing_of_our_environment(set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNKRON_TEST_SECRET", "whsec_1")
    with embedded_database(set_up):
        environment = Path(f"/proc/{postmaster(set_up)}/environ").read_text()
    assert "whsec_1" not in environment
    assert "LC_ALL=C" in environment


def test_the_data_directory_is_the_one_that_was_set() -> None:
    assert data_directory({"SYNKRON_DATA_DIR": "/srv/synkron"}) == Path("/srv/synkron")
    assert data_directory({"SYNKRON_DATA_DIR": "~/synkron"}) == Path.home() / "synkron"
    assert data_directory({"SYNKRON_DATA_DIR": "here"}) == Path.cwd() / "here"


@pytest.mark.parametrize("environment", [{}, {"SYNKRON_DATA_DIR": ""}])
def test_otherwise_it_is_the_user_data_directory_of_the_platform(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    found = data_directory(environment)
    assert found.name == "synkron"
    assert tmp_path in found.parents


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(EmbeddedDatabaseError, match="SYNKRON_DATA_DIR is ~nobody-by-this-name/x"):
        data_directory({"SYNKRON_DATA_DIR": "~nobody-by-this-name/x"})
