"""What to do about an error: in options for commands, in parameters for the API, in fields and buttons on pages."""

from __future__ import annotations

import ast
import re
from collections.abc import AsyncIterator, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import synkron
from synkron.cli import advice as commands
from synkron.errors import Advice
from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from synkron.service.api import problem
from synkron.service.api.cookies import form_token
from synkron.service.dashboard.flash import FLASH, Flash, read_flash
from synkron.service.dashboard.words import LANGUAGES, words_of
from tests.conftest import Connection
from tests.delivery.targets.far_side import SIGNING
from tests.support.api import Api, serving, token_of
from tests.support.changes import SETTINGS, WHY, Cast, everything
from tests.support.databases import Database
from tests.support.fleet import add_integration

SOURCES = Path(synkron.__file__).parent
COMMAND = re.compile(r"(?<![\w-])--[a-z]|`synkron\b|\bsynkron [a-z]+ [a-z]+ ?\{")
PAGES = {language: {one: words_of(language).texts[f"advice.{one}"] for one in Advice} for language in LANGUAGES}

# The files beside the commands whose texts name a command or an option, and why each may.
SERVER, ONLY_COMMANDS, OTHER = "it is run on the server", "only commands call it", "it is no error"
MAY_SAY = {
    "ledger/asked.py": ONLY_COMMANDS,
    "ledger/installation.py": SERVER,
    "ledger/migrate.py": SERVER,
    "operations/pg_cron.py": ONLY_COMMANDS,
    "operations/pg_cron_drill.py": ONLY_COMMANDS,
    "postgres/embedded/cluster.py": OTHER,
    "service/api/access.py": SERVER,
    "service/api/readiness.py": SERVER,
    "service/application.py": ONLY_COMMANDS,
    "service/dashboard/pages/runs.py": OTHER,
    "service/reports.py": OTHER,
    "settings/load.py": ONLY_COMMANDS,
    "source/queries.py": SERVER,
}
# What is done about an incident, a finding or a decision, by whoever reads it wherever they read it.
REMEDIES = ("incidents/", "reports/exports/", "reports/why/row_now.py", "service/doctor/", "service/status/")


def texts(path: Path) -> Iterator[str]:
    """The texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    said = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in said:
            yield one.value


def test_no_error_is_worded_for_the_command_line() -> None:
    found = set()
    for path in SOURCES.rglob("*.py"):
        name = path.relative_to(SOURCES).as_posix()
        if not name.startswith(("cli/", *REMEDIES)) and any(COMMAND.search(text) for text in texts(path)):
            found.add(name)
    assert found == MAY_SAY.keys()


@pytest.mark.parametrize("words", [commands.WORDS, problem.WORDS, *PAGES.values()])
def test_each_has_words_everywhere_with_the_same_values(words: dict[Advice, str]) -> None:
    assert words.keys() == set(Advice)
    for one in Advice:
        every = {name for _, name, _, _ in Formatter().parse(commands.WORDS[one]) if name}
        named = {name for _, name, _, _ in Formatter().parse(words[one]) if name}
        assert named <= every, one


@pytest.mark.parametrize("words", [problem.WORDS, *PAGES.values()])
def test_only_commands_are_told_of_commands(words: dict[Advice, str]) -> None:
    assert [text for text in words.values() if COMMAND.search(text) or "synkron " in text] == []


def asked(cast: Cast) -> list[tuple[str, dict[str, Any], int, str]]:
    """What is asked for, the status, and what the API says to do."""
    own, past = cast.fjord, "2020-01-01T00:00:00Z"
    hour = {"from": f"{cast.hour:%Y-%m-%dT%H:%M}Z", "to": "2199-01-01T00:00Z"}
    return [
        ("runs/retry", {"run_ids": [4711]}, 404, "There is no run 4711. `GET /v1/runs` lists those there are."),
        ("runs/cancel", {"run_ids": [4711], "reason": WHY}, 404, "`GET /v1/runs` lists those there are."),
        ("trigger", {"integration_id": "none"}, 404, "`GET /v1/integrations` lists those there are."),
        ("trigger", {"integration_id": own.paused}, 409, f"`POST /v1/pauses/resume` with `pause_ids` [{own.pause}]."),
        ("trigger", {"org_id": own.org_id, "integration_type": "xledger"}, 409, "Name one in `integration_id`."),
        ("pauses", {"integration_ids": [own.paused], "reason": WHY}, 409, f"[{own.pause}], and pause again."),
        ("pauses", {"org_id": own.org_id, "reason": WHY, "until": past}, 409, "later `until`, or a duration in `for`."),
        ("pauses/resume", {"pause_ids": [4711]}, 404, "`GET /v1/pauses` lists the active ones."),
        ("overrides/unset", {"integration_id": own.free}, 404, "`GET /v1/overrides` lists those that have."),
        ("incidents/4711/acknowledge", {}, 404, "`GET /v1/incidents` lists the open ones; with `closed=true`"),
        ("silences/4711/end", {}, 404, "`GET /v1/silences` lists the active ones."),
        ("silences", {"org_id": own.org_id, "reason": WHY, "until": past}, 409, "Give a later `until`"),
        ("backfill", {**hour, "from": past, "org_id": own.org_id}, 409, "Give a later `from`."),
        ("backfill", {**hour, "org_id": own.org_id}, 409, "or an earlier moment in `to`."),
        ("tokens", {"name": own.token, "permission": "read"}, 409, "Choose another `name`, or revoke it first"),
        ("tokens", {"name": "new", "permission": "read", "expires": past}, 409, "Give a later `expires`."),
        ("tokens/revoke", {"name": "none"}, 404, "`GET /v1/tokens` lists them."),
    ]  # fmt: skip


async def test_a_client_is_told_of_parameters_and_routes(
    database: Database, connection: Connection, cast: Cast
) -> None:
    await add_integration(connection, "0 * * * *", "xledger", org_id=cast.fjord.org_id)
    async with serving(database, SETTINGS, environment={"SIGNING": SIGNING}) as there:
        admin = there.with_token(await token_of(connection, Permission.ADMIN))
        before = await everything(connection)
        for path, body, status, said in asked(cast):
            for dry_run in ("", "?dry_run=true"):
                answer = await admin.post(f"/v1/{path}{dry_run}", body)
                assert (answer.status, said in answer.content["detail"]) == (status, True), (path, body, answer.text)
                assert not COMMAND.search(answer.text)
    assert await everything(connection) == before


@pytest.fixture
async def browser(database: Database, cast: Cast) -> AsyncIterator[Api]:
    """A browser of the dashboard."""
    del cast
    async with serving(database, SETTINGS, environment={"SIGNING": SIGNING}) as there:
        yield there


PRESSED: list[tuple[str, dict[str, str], str, str]] = [
    ("retry", {"run": "4711"}, "Runs", "Kjøringer"),
    ("trigger", {"integration": "none"}, "overview", "Oversikten"),
    ("trigger", {"integration": "{paused}"}, "button “Resume”", "knappen «Gjenoppta»"),
    ("pause", {"integration": "{paused}"}, "button “Resume”", "knappen «Gjenoppta»"),
    ("resume", {"pause": "4711"}, "“Pauses”", "«Pauser»"),
    ("acknowledge", {"incident": "4711"}, "“Incidents”", "«Hendelser»"),
    ("unsilence", {"silence": "4711"}, "“Incidents”", "«Hendelser»"),
    ("backfill", {"integration": "{free}", "from": "2020-01-01T00:00", "to": "2199-01-01T00:00"}, "“From”", "«Fra»"),
]


@pytest.mark.parametrize(("action", "fields", "english", "norwegian"), PRESSED)
async def test_a_page_names_its_fields_and_buttons_in_its_language(
    browser: Api, connection: Connection, cast: Cast, action: str, fields: dict[str, str], english: str, norwegian: str
) -> None:
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.OPERATE, None)
    assert found is not None
    own = cast.fjord
    filled = {name: text.format(paused=own.paused, free=own.free) for name, text in fields.items()}
    filled["form_token"] = form_token(found[1])
    for language, button in (("en", english), ("nb", norwegian)):
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Accept-Language": language}
        headers["Cookie"] = f"synkron-session={found[1]}"
        answer = await browser.ask("POST", f"/act/{action}", data=filled, headers=headers, allow_redirects=False)
        said = _flash(answer.headers.get("Set-Cookie", ""))
        assert said is not None, answer.text
        assert said.is_refusal
        assert button in said.advice
        assert not COMMAND.search(said.text + said.advice)
        asks = {name: text for name, text in filled.items() if name != "form_token"}
        shown = await browser.get(f"/act/{action}", params=asks, headers=headers)
        assert button in shown.text
        assert not COMMAND.search(shown.text)


def _flash(cookies: str) -> Flash | None:
    return next((read_flash(one.value) for one in SimpleCookie(cookies).values() if one.key == FLASH), None)
