"""Whatever is wrong, a command says so in one sentence on stderr, ends with the right code, and shows no traceback."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Ended
from tests.support.databases import Database
from tests.support.statements import execute

UNREACHABLE = "postgresql://someone:hush@127.0.0.1:1/app"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: synkron"),
        (["bogus"], "No such command 'bogus'"),
        (["due", "--bogus"], "No such option"),
        (["due", "--at", "0200"], '"0200" is not a time. Write 02:00'),
        (["due", "--at", "2h"], 'Write "2h ago" or "in 2h"'),
        (["due", "--at", "02:00 Mars/Olympus"], "not a known zone"),
        (["due", "--at", "0001-01-01T00:00+14:00"], "out of range"),
        (["due", "--at", "9999-12-31T23:59-14:00"], "out of range"),
        (["tick", "--at", "2026-13-01T00:00Z"], "is not a time"),
        (["next", "--hours", "0"], "--hours"),
        (["next", "--hours", "9999999999999999999999"], "--hours"),
        (["next", "--limit", "-1"], "--limit"),
        (["runs", "--since", "last week"], '"last week" is not a time. Write 02:00'),
        (["runs", "--since", "2 h"], "is not a time"),
        (["runs", "--since", "7w"], "is not a time"),
        (["explain", "* * * * *", "--zone", "Europe/Oslo", "--at", "2026-03-29 02:30"], "Europe/Oslo skip 2026-03-29"),
        (["runs", "--state", "done"], "--state"),
        (["runs", "--limit", "0"], "--limit"),
        (["runs", "shwo", "1"], "No such command"),
        (["runs", "--json", "show", "1"], "synkron runs show ID --json"),
        (["runs", "show"], "ID"),
        (["runs", "show", "abc"], "ID"),
        (["runs", "show", "0"], "ID"),
        *((["runs", "show", text], "ID") for text in ("1_0", "+1", " 1", "1.0", "01", "1e1", "\u0661", "9" * 5000)),
        (["runs", "retry", "1", "1_0"], "ID"),
        (["runs", "--limit", "1_0"], "--limit"),
        (["resume", "--number", "1_0"], "--number"),
        (["runs", "show", str(2**63)], "ID"),
        (["run", "--role", "boss"], '"boss" is not a role; allowed are scheduler, worker'),
        (["run", "--role", ""], "is not a role"),
        (["run", "--role", "boss", "--role", "worker"], '"boss" is not a role'),
        (["pg-cron", "install", "--ahead", "1m59s"], "from 2m to 24h"),
        (["pg-cron", "install", "--ahead", "25h"], "from 2m to 24h"),
        *(
            (["pg-cron", "install", "--mode", "call", "--url", url], f"--url: {fault}")
            for url, fault in (
                ("https://[::1/v1/tick", "it can't be read"),
                ("https://h:99999/v1/tick", "it can't be read"),
                ("http://u:pw@h/v1/tick", "it contains a user or a password"),
                ("https://h/t?k=s", "it contains a query"),
                ("h/v1/tick", "it begins with neither"),
                ("https://h:0/v1/tick", "its port is 0"),
                ("https://h", "it has no path"),
            )
        ),
        (["migrate", "--emit", ""], "--emit is empty"),
        (["explain"], "EXPRESSION"),
        (["explain", "0", "2", "*", "*", "*"], "put it in quotes"),
        (["explain", ""], "five"),
        (["explain", "* * * * *", "--zone", "Mars/Olympus"], "Europe/Oslo"),
        (["explain", "@daily"], "0 0 * * *"),
        (["explain", "x" * 100_000], "512"),
        (["--config", "nowhere.toml", "due"], "nowhere.toml: there is no such file"),
    ],
)
def test_usage(synkron: Command, arguments: list[str], said: str) -> None:
    _one_sentence(synkron(*arguments), 2, said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"a = ", ["this is not TOML"]),
        (b"\xff\xfe", ["this is not TOML"]),
        (b'bogus = 1\nheartbeat = "soon"', ["bogus: this key does not exist", "heartbeat: expected a duration"]),
        (b'[types.xledger]\nsecret = "hunter2"', ['expected "env:NAME" or "file:PATH"']),
        (b'database_url = ""', ["database_url: it is empty"]),
    ],
)
def test_settings_name_every_fault(synkron: Command, written: bytes, said: list[str]) -> None:
    Path("synkron.toml").write_bytes(written)
    ended = synkron("runs")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith("error: ") for line in lines)
    assert all(any(text in line for line in lines) for text in said)
    assert "hunter2" not in ended.err


FAULTY = """
heartbeat_url = "http://[x/"
[types.xledger]
target = "http://127.0.0.1:9/sync"
secret = "env:NOT_SET"
[types.xledger.health]
interval = "5m"
headers = { Authorization = "env:NOT_SET_EITHER" }
[types.dynamics]
flavour = "navision"
[types.fiken.health]
url = "ftp://fiken.example"
[announce.channels]
chat = "nonsense://hunter2"
pager = { webhook = "https://example.com/x", secret = "env:NOR_THIS" }
"""


@pytest.mark.parametrize("arguments", [["run"], ["up"]])
def test_a_service_names_every_fault_at_once(synkron: Command, arguments: list[str]) -> None:
    """What the settings hold, and what only shows when secrets are read and channels opened."""
    Path("synkron.toml").write_text(FAULTY, "utf-8")
    ended = synkron(*arguments)
    assert (ended.code, ended.out) == (2, "")
    keys = {line["event"].partition(": ")[0] for line in map(json.loads, ended.err.splitlines())}
    assert {key.partition(".")[0] if key.startswith("no database") else key for key in keys} == {
        "no database is named",
        "types.xledger.health.interval",
        "types.dynamics.flavour",
        "types.fiken.health.url",
        "types.xledger.secret",
        "types.xledger.health.headers.Authorization",
        "announce.channels.chat",
        "announce.channels.pager.secret",
        "heartbeat_url",
    }
    assert "hunter2" not in ended.err


@pytest.mark.parametrize("folder", [None, "empty"], ids=["nothing is named", "a folder without a database is named"])
def test_a_tick_is_of_a_database_that_somebody_named(
    synkron: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str | None
) -> None:
    """Whatever lies in the folder that the platform would give it."""
    (tmp_path / "home" / "synkron" / "postgresql").mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    if folder is None:
        monkeypatch.delenv("SYNKRON_DATA_DIR")
    else:
        monkeypatch.setenv("SYNKRON_DATA_DIR", str(tmp_path / folder))
    for arguments in (["tick"], ["tick", "--json"]):
        _one_sentence(synkron(*arguments), 2, "no database is named. Set SYNKRON_DATABASE_URL")


@pytest.mark.parametrize("arguments", [["run"], ["up"]])
def test_a_service_finds_a_missing_secret_before_it_does_or_promises_anything(
    synkron: Command, arguments: list[str], tmp_path: Path
) -> None:
    target = 'target = "http://127.0.0.1:9/sync"\nsecret = "env:NOT_SET"'
    Path("synkron.toml").write_text(f"[types.xledger]\n{target}", "utf-8")
    ended = synkron(*arguments)
    _one_sentence(ended, 2, "types.xledger.secret")
    assert len(ended.err.splitlines()) == 2
    assert not (tmp_path / "none").exists()


def test_log_format(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNKRON_LOG_FORMAT", "xml")
    _one_sentence(synkron("due"), 2, 'SYNKRON_LOG_FORMAT: expected "console" or "json"')


READING = [["due"], ["next"], ["forecast"], ["check"], ["tick"], ["runs"], ["runs", "show", "1"]]
SERVING = [["run"], ["up"]]


@pytest.mark.parametrize("arguments", [*READING, *SERVING, ["migrate"]])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (UNREACHABLE, "There is no PostgreSQL at 127.0.0.1:1/app"),
        ("postgresql:///app?host=/nowhere", "There is no PostgreSQL at the local socket"),
        ("postgres://someone:hush@127.0.0.1:1/app", "There is no PostgreSQL at 127.0.0.1:1/app"),
        ("postgresql://someone:hush@:1/app", "There is no PostgreSQL at the local socket:1/app"),
    ],
)
def test_no_database(
    synkron: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], url: str, said: str
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
    ended = synkron(*arguments)
    _one_sentence(ended, 1, said)
    assert "hush" not in ended.err


@pytest.mark.parametrize("arguments", [["due"], *SERVING, ["migrate"]])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "it is empty"),
        ("hush", "expected the address of a PostgreSQL database"),
        ("/var/lib/hush.db", "expected the address of a PostgreSQL database"),
        ("127.0.0.1:5432/hush", "expected the address of a PostgreSQL database"),
        ("host=127.0.0.1 password=hush", "expected the address of a PostgreSQL database"),
        ("postgresql:/hush@localhost/app", "expected the address of a PostgreSQL database"),
        ("mysql://someone:hush@localhost/app", "this one begins with mysql://"),
        ("sqlite:///hush.db", "this one begins with sqlite://"),
        ("postgresql+asyncpg://someone:hush@localhost/app", "this one begins with postgresql+asyncpg://"),
        ("postgresql://someone:hush@127.0.0.1:99999/app", "with a port up to 65535"),
        ("postgresql://someone:hu/sh@127.0.0.1/app", "in a password, write %40 for @, %2F for /"),
        ("postgresql://someone:hush@[::1/app", "expected the address of a PostgreSQL database"),
        (
            "postgresql://someone:hush@127.0.0.1/app?sslmode=hush",
            "its parameter sslmode must be disable, allow, prefer",
        ),
        ("postgresql://one:hush@a,b:hush/app", "its host or port is malformed"),
        ("postgresql://one:hush@a/app?pgbouncer=true", "its parameter pgbouncer is unknown"),
    ],
)
def test_no_address_of_a_database(
    synkron: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], url: str, said: str
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
    ended = synkron(*arguments)
    _one_sentence(ended, 2, said)
    assert "hush" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [*((one, 1) for one in [*READING, ["migrate"]] if one != ["tick"]), (["tick"], 2), (["run"], 2), (["up"], 2)],
)
def test_no_database_is_invented(synkron: Command, arguments: list[str], code: int, tmp_path: Path) -> None:
    """Neither by asking nor by serving."""
    _one_sentence(synkron(*arguments), code, "`synkron up --embedded`")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["run", "up", "runs", "doctor"])
@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("SYNKRON_DATABASE_ULR", "SYNKRON_DATABASE_URL"),
        ("SYNKRON_DATABASEURL", "SYNKRON_DATABASE_URL"),
        ("SYNKRON_LOG_FROMAT", "SYNKRON_LOG_FORMAT"),
        ("SYNKRON_TYPE__XLEDGER__TARGET", "SYNKRON_TYPES__XLEDGER__TARGET"),
        ("SYNKRON_SOURSE__SCHEMA", "SYNKRON_SOURCE__SCHEMA"),
    ],
)
def test_a_variable_that_is_nearly_a_known_one(
    synkron: Command, monkeypatch: pytest.MonkeyPatch, command: str, name: str, right: str
) -> None:
    monkeypatch.setenv(name, "postgresql://someone:hush@127.0.0.1:1/app")
    ended = synkron(command)
    assert ended.code == (3 if command == "doctor" else 2)
    told = " ".join((ended.out + ended.err).split())
    assert f"{name}: Synkron has no variable of this name; did you mean {right}?" in told
    assert "?." not in told
    assert "hush" not in told


def test_other_variables_may_have_any_name(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the settings name, those of a service in Kubernetes, and one that is not like any of Synkron's."""
    monkeypatch.setenv("SYNKRON_DATABASE_PORT", "tcp://10.0.0.1:5432")
    monkeypatch.setenv("SYNKRON_DATABASE_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("SYNKRON_HEARTBEAT_PORT", "tcp://10.0.0.2:80")
    monkeypatch.setenv("SYNKRON_DATABASE_URI", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    monkeypatch.setenv("SYNKRON_DATABASE_PASSWORD", "x")
    Path("synkron.toml").write_text('[types.xledger]\nsecret = "env:SYNKRON_DATABASE_URI"\n', "utf-8")
    _one_sentence(synkron("runs"), 1, "there is no embedded database")


def test_a_port_that_is_taken_is_found_before_the_database_is_touched(
    synkron: Command, bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", bare_database.url)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SYNKRON_LISTEN", f"127.0.0.1:{taken.getsockname()[1]}")
        _one_sentence(synkron("up"), 6, "Synkron can't listen on")
        assert "database: " not in synkron("up").err
    assert "Run `synkron migrate`" in synkron("runs").err


SOURCE = ["due", "next", "forecast", "check", "tick", "run", "up"]
LEDGER = ["runs", "tick", "run"]


@pytest.mark.own_database
@pytest.mark.parametrize(
    ("sql", "commands", "code", "said"),
    [
        ("drop table organization_integrations", SOURCE, 1, "name yours in synkron.toml under [source]"),
        ("drop table organizations cascade", SOURCE, 1, "name yours in synkron.toml under [source]"),
        ("alter table organizations rename timezone to tz", SOURCE, 1, "name yours in synkron.toml under [source]"),
        ("alter table organizations rename name to title", ["next", "check"], 1, "[source]"),
        ("drop schema synkron cascade", LEDGER, 1, "Run `synkron migrate`"),
        ("update synkron.migrations set checksum = 'other'", ["migrate", "up"], 6, "Migrations are never edited"),
    ],
)
def test_a_table_is_missing(
    on_database: Command, database: Database, sql: str, commands: list[str], code: int, said: str
) -> None:
    execute(database.url, sql)
    for command in commands:
        _one_sentence(on_database(command), code, said)


@pytest.mark.own_database
@pytest.mark.parametrize(
    ("grants", "commands", "said"),
    [
        ([], ["due", "next", "forecast", "check"], "grant select on public.organizations"),
        (
            ["grant select on organizations to outsider"],
            ["due", "next", "forecast", "check"],
            "organization_integrations",
        ),
        (
            [
                "grant select on all tables in schema public to outsider",
                "alter table organizations enable row level security",
            ],
            SOURCE,
            "alter role ROLE bypassrls",
        ),
    ],
)
def test_a_role_that_would_see_too_little_is_refused(
    synkron: Command,
    database: Database,
    role: str,
    monkeypatch: pytest.MonkeyPatch,
    grants: list[str],
    commands: list[str],
    said: str,
) -> None:
    ledger = f"grant usage on schema synkron to {role}; grant all on all tables in schema synkron to {role}"
    execute(database.superuser_url, ledger, *grants)
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url.replace("synkron@", f"{role}@", 1))
    for command in commands:
        _one_sentence(synkron(command), 6, said)


def test_a_role_without_a_grant_on_the_ledger_is_refused(
    synkron: Command, database: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", database.url.replace("synkron@", f"{role}@", 1))
    _one_sentence(synkron("runs"), 6, "synkron migrate --grant-to ROLE")


def test_a_password_that_is_not_encoded_is_not_shown(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("postgresql://u:hunter@2/hunter3@127.0.0.1:1/app", "postgresql://u:hunter@hunter3@127.0.0.1:1/app"):
        monkeypatch.setenv("SYNKRON_DATABASE_URL", url)
        ended = synkron("runs")
        _one_sentence(ended, 2, "in a user name or password, write %40 for @")
        assert "hunter" not in ended.err


def test_the_port_of_poolers_says_nothing(synkron: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNKRON_DATABASE_URL", "postgresql://someone@127.0.0.1:6543/app")
    _one_sentence(synkron("run"), 1, "There is no PostgreSQL at 127.0.0.1:6543/app")


def test_the_demo_keeps_to_its_own_database(on_database: Command) -> None:
    _one_sentence(on_database("up", "--demo"), 6, "env -u SYNKRON_DATABASE_URL synkron up --demo")


def _one_sentence(ended: Ended, code: int, said: str) -> None:
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert said in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert "fault in Synkron" not in ended.err
