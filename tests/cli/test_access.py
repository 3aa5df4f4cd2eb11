"""`token`, `people` and `login`: who may ask over HTTP, as an administrator says it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest

from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.sessions import log_in_by_link, log_in_by_password
from synkron.operations.access.tokens import actor_of_token
from tests.cli.conftest import Command
from tests.cli.past import FJORD, make_past
from tests.conftest import Connection
from tests.settings.test_api_settings import OIDC
from tests.support.actors import actor_of
from tests.support.databases import Database
from tests.support.statements import ask, execute, fetch

READ, OPERATE, ADMIN = Permission
PASSWORD = "fjell vidde elv 7"
HOST = gethostname()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a text into stdin."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


REFUSED_TOKENS: list[tuple[list[str], int, str]] = [
    (["a"], 2, "--permission"),
    (["a", "--permission", "write"], 2, "operate"),
    (["", "--permission", "read"], 2, "it is empty"),
    (["a\x1b[2J", "--permission", "read"], 2, "must be printable"),
    (["x" * 101, "--permission", "read"], 2, "at most 100 characters"),
    (["a", "--permission", "read", "--expires", "soon"], 2, "is not a time"),
    (["a", "--permission", "read", "--expires", "2020-01-01T00:00Z"], 6, "which is in the past"),
    (["a", "--permission", "read", "--org", "nobody"], 4, "nobody"),
]


class TestToken:
    def test_its_secret_is_all_that_is_shown_and_once(self, on_database: Command, database: Database) -> None:
        made = on_database("token", "create", "grafana", "--permission", "read", "--yes", "--author", "kari")
        assert (made.code, made.err) == (0, "")
        secret = made.out.strip()
        assert ask(database.url, lambda connection: actor_of_token(connection, secret)) == Actor("token:grafana", READ)
        for options in ([], ["--json"], ["--revoked"]):
            assert secret not in on_database("token", "list", *options).out
        assert secret not in on_database("audit", "--json").out

    def test_it_may_be_tied_to_an_organization_named_by_name(self, on_database: Command, database: Database) -> None:
        make_past(database.url)
        made = on_database(
            "token",
            "create",
            "page",
            "--permission",
            "operate",
            "--org",
            "fjord",
            "--expires",
            "in 90d",
            "--yes",
            "--json",
        )
        assert made.code == 0
        token = made.answer["token"]
        assert (token["org_id"], token["org_name"], token["permission"]) == (FJORD, "Fjord", "operate")
        assert token["expires_at"] > token["created_at"]
        assert not {"secret_hash", "id"} & token.keys()
        assert "never" in on_database("token", "list").out
        found = ask(database.url, lambda connection: actor_of_token(connection, made.answer["secret"]))
        assert found == Actor("token:page", OPERATE, FJORD)
        listed = on_database("token", "list").out
        assert "Fjord" in listed
        assert "never" not in listed

    def test_a_dry_run_makes_none(self, on_database: Command) -> None:
        tried = on_database("token", "create", "grafana", "--permission", "read", "--dry-run")
        assert tried.out == "Make the token grafana: it may read everything until it is revoked.\n"
        assert on_database("token", "create", "grafana", "--permission", "read", "--dry-run", "--json").answer == {
            "dry_run": True,
            "token": None,
            "secret": None,
        }
        nobody = on_database("token", "list")
        assert (nobody.code, nobody.out) == (0, "")
        assert "There is no token. Make one with `synkron token create NAME --permission read`." in nobody.err

    def test_revoked(self, on_database: Command, database: Database) -> None:
        secret = on_database("token", "create", "grafana", "--permission", "admin", "--yes").out.strip()
        told = on_database("token", "revoke", "grafana", "--dry-run").out
        assert told == "Revoke the token grafana: it may administer everything, and was never used.\n"
        ended = on_database("token", "revoke", "grafana", "--yes", "--json")
        assert ended.answer["token"]["state"] == "revoked"
        assert ask(database.url, lambda connection: actor_of_token(connection, secret)) is None
        assert on_database("token", "list", "--json").answer == []
        assert [one["name"] for one in on_database("token", "list", "--revoked", "--json").answer] == ["grafana"]
        assert on_database("token", "revoke", "grafana", "--yes").code == 4

    def test_what_is_refused(self, on_database: Command) -> None:
        for arguments, code, said in REFUSED_TOKENS:
            ended = on_database("token", "create", *arguments, "--yes")
            assert (ended.code, ended.out) == (code, ""), arguments
            assert said in ended.err, arguments
        assert on_database("token", "list", "--json").answer == []

    def test_where_nobody_can_be_asked(self, on_database: Command) -> None:
        ended = on_database("token", "create", "a", "--permission", "read")
        assert ended.code == 2
        assert "give --yes" in ended.err


class TestPeople:
    @pytest.fixture
    def kari(self, on_database: Command, typed: Callable[[str], None]) -> None:
        """Who may operate."""
        typed(f"{PASSWORD}\n")
        assert on_database("people", "add", "kari", "--permission", "operate", "--yes").code == 0

    @pytest.mark.usefixtures("kari")
    def test_who_was_added_logs_in(self, on_database: Command, database: Database) -> None:
        found = ask(database.url, lambda connection: log_in_by_password(connection, "kari", PASSWORD, "127.0.0.1"))
        assert found is not None
        assert found[0] == Actor("person:kari", OPERATE)
        [one] = on_database("people", "list", "--json").answer
        assert (one["name"], one["permission"], one["sessions"]) == ("kari", "operate", 1)
        assert "argon2" not in json.dumps(one)
        [row] = on_database("people", "list").out.splitlines()[1:]
        assert re.fullmatch(r"kari  operate  all +password +\d{4}-\d\d-\d\d \d\d:\d\d +1  active", row)

    @pytest.mark.usefixtures("kari")
    def test_what_they_may_is_changed(self, on_database: Command, database: Database) -> None:
        make_past(database.url)
        told = on_database("people", "permit", "kari", "--permission", "read", "--org", "Fjord", "--dry-run").out
        assert told == (f"kari may operate everything now. From now on they may read organization {FJORD}.\n")
        ended = on_database("people", "permit", "kari", "--permission", "read", "--org", "Fjord", "--yes", "--json")
        assert ended.answer["person"]["org_name"] == "Fjord"

    @pytest.mark.usefixtures("kari")
    def test_a_password_is_set_anew(
        self, on_database: Command, database: Database, typed: Callable[[str], None]
    ) -> None:
        typed("another long one 8\r\n")
        ended = on_database("people", "password", "kari", "--yes")
        assert ended.out == "The password of kari is set. 0 sessions of theirs: ended.\n"
        assert ask(database.url, lambda connection: _enter(connection, PASSWORD)) is None
        assert ask(database.url, lambda connection: _enter(connection, "another long one 8")) is not None

    @pytest.mark.usefixtures("kari")
    def test_disabled_and_enabled(self, on_database: Command, database: Database) -> None:
        session = ask(database.url, lambda connection: _enter(connection, PASSWORD)) or ""
        ended = on_database("people", "disable", "kari", "--yes", "--author", "ola")
        assert ended.out == "kari is disabled. 1 session of theirs: ended.\n"
        assert ask(database.url, lambda connection: actor_of(connection, session)) is None
        assert "disabled by ola" in on_database("people", "list").out
        assert on_database("people", "disable", "kari", "--yes").code == 6
        assert on_database("people", "enable", "kari", "--yes").out == "kari may log in again.\n"
        assert ask(database.url, lambda connection: _enter(connection, PASSWORD)) is not None

    @pytest.mark.parametrize(
        ("stdin", "code", "said"),
        [
            ("", 2, "the first line of stdin"),
            ("\n", 2, "the first line of stdin"),
            ("short\n", 6, "12 to 200 characters"),
            ("kari kari kari\n", 6, "contains the name"),
        ],
    )
    def test_a_password_that_is_refused(
        self, on_database: Command, typed: Callable[[str], None], stdin: str, code: int, said: str
    ) -> None:
        typed(stdin)
        ended = on_database("people", "add", "kari", "--permission", "read", "--yes")
        assert (ended.code, ended.out) == (code, "")
        assert said in ended.err
        assert stdin.strip() == "" or stdin.strip() not in ended.err
        assert on_database("people", "list", "--json").answer == []

    @pytest.mark.parametrize("command", ["permit", "password", "disable", "enable"])
    def test_nobody_of_that_name(self, on_database: Command, command: str, typed: Callable[[str], None]) -> None:
        typed(f"{PASSWORD}\n")
        options = ["--permission", "read"] if command == "permit" else []
        ended = on_database("people", command, "per", *options, "--yes")
        assert ended.code == 4
        assert 'There is no person "per".' in ended.err


# Which processes serve the dashboard and where; the address that is told, and what is told besides.
RUNNING: list[tuple[dict[str, str | None], str, str | None]] = [
    ({"HERE:7": "http://127.0.0.1:40321"}, "127.0.0.1:40321", None),
    ({"far:7": "http://127.0.0.1:8077", "HERE:7": "http://127.0.0.1:40321"}, "127.0.0.1:40321", None),
    ({"far:7": "http://127.0.0.1:40322"}, "127.0.0.1:40322", None),
    (
        {"HERE:7": "http://127.0.0.1:40321", "HERE:8": "http://127.0.0.1:40322"},
        "127.0.0.1:40321",
        "The dashboard is also at http://127.0.0.1:40322",
    ),
    ({"HERE:7": None}, "127.0.0.1:8077", "A process of an earlier release serves the dashboard"),
    ({"HERE:7": None, "far:7": "http://127.0.0.1:40322"}, "127.0.0.1:40322", None),
    ({"HERE:7 lost": None}, "127.0.0.1:8077", "No process that serves the dashboard is running"),
    ({"HERE:7 lost": "http://127.0.0.1:40321"}, "127.0.0.1:8077", "No process that serves the dashboard"),
]


class TestLogin:
    def test_a_link_logs_in_who_asked_for_it(self, on_database: Command, database: Database) -> None:
        ended = on_database("login", "--author", "kari@ops-1")
        assert ended.code == 0
        found = re.fullmatch(r"http://127\.0\.0\.1:8077/login/(synkron_l_\S+)\n", ended.out)
        assert found is not None
        said, doubt = ended.err.splitlines()
        assert said == "It logs kari@ops-1 in once, within ten minutes, who may administer everything then."
        assert "No process that serves the dashboard is running" in doubt
        logged_in = ask(database.url, lambda connection: log_in_by_link(connection, found[1]))
        assert logged_in is not None
        assert logged_in[0] == Actor("person:kari@ops-1", ADMIN)

    def test_it_leads_to_where_people_reach_the_dashboard(
        self, on_database: Command, database: Database, tmp_path: Path
    ) -> None:
        make_past(database.url)
        (tmp_path / "synkron.toml").write_text('[api]\naddress = "https://synkron.example.com"\n', "utf-8")
        made: Any = on_database("login", "--permission", "read", "--org", "Fjord", "--json").answer
        assert made["link"].startswith("https://synkron.example.com/login/synkron_l_")
        assert (made["permission"], made["org_id"]) == ("read", FJORD)

    def test_it_leads_to_where_the_api_listens(self, on_database: Command, database: Database) -> None:
        """`synkron up` takes any free port if that of the settings is taken."""
        for running, address, said in RUNNING:
            execute(database.url, "delete from synkron.nodes")
            for ago, (name, where) in enumerate(running.items()):
                place = "null" if where is None else f"'{where}'"
                execute(
                    database.url,
                    "insert into synkron.nodes (name, role, version, started_at, seen_at, skew, address) values "
                    f"('{name.replace('HERE', HOST)}', 'api', '1', now(), now() - interval '{ago} s', '0', {place})",
                )
            execute(
                database.url, "update synkron.nodes set seen_at = now() - interval '1 hour' where name like '% lost'"
            )
            ended = on_database("login")
            assert ended.out.startswith(f"http://{address}/login/synkron_l_"), running
            assert [line.startswith(said) for line in ended.err.splitlines()[1:] if said] == ([True] if said else []), (
                running
            )
            assert len(ended.err.splitlines()) == (2 if said else 1), running

    def test_it_is_in_the_audit_without_its_secret(self, on_database: Command, database: Database) -> None:
        ended = on_database("login", "--author", "kari")
        [row] = fetch(database.url, "select author, action, subject from synkron.audit")
        assert tuple(row) == ("kari", "make login link", "person kari")
        assert ended.out.rpartition("/")[2].strip() not in on_database("audit", "--json").out


@pytest.mark.parametrize("address", ["", 'address = "http://127.0.0.1:8077"'])
def test_where_others_reach_it_the_api_starts_only_behind_tls(
    on_database: Command, tmp_path: Path, address: str
) -> None:
    (tmp_path / "synkron.toml").write_text(f'listen = "0.0.0.0:0"\n[api]\n{address}\n', "utf-8")
    ended = on_database("run", "--role", "api")
    assert (ended.code, ended.out) == (2, "")
    assert "listen: on 0.0.0.0:0, others on the network reach the API, and there is no TLS." in ended.err


def test_a_provider_s_secret_that_is_not_there_is_told_at_the_start(on_database: Command, tmp_path: Path) -> None:
    (tmp_path / "synkron.toml").write_text(OIDC, "utf-8")
    ended = on_database("run", "--role", "api")
    assert ended.code == 2
    assert "api.oidc.client_secret: the environment variable OIDC_SECRET is not set" in ended.err


async def _enter(connection: Connection, password: str) -> str | None:
    """The secret of a new session of Kari's."""
    found = await log_in_by_password(connection, "kari", password, "127.0.0.1")
    return found and found[1]
