"""The function of `examples/supabase` itself: what it answers to whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import ClientSession

from synkron.delivery.targets.request import WARM_UP, body
from synkron.delivery.targets.uptime import BOOTED_AT
from synkron.settings.integrations import Profile
from tests.delivery.edge_function.project import FUNCTION, KEY, PUBLISHABLE, SYNKRON_KEY, project
from tests.delivery.targets.far_side import RUN, terms
from tests.support.databases import Database
from tests.support.deno import LOCKED, checked, needs_npm

pytestmark = [needs_npm, pytest.mark.own_database]

CONTENT = body(RUN).decode()
RUN_KEY = {"Idempotency-Key": RUN.key}
RIGHT = {"apikey": KEY} | RUN_KEY
USER = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYXV0aGVudGljYXRlZCJ9.c2lnbmVk"

# The first is a warm-up, which keeps the isolate for the others.
CASES: list[tuple[str, str, dict[str, str], int]] = [
    ("GET", "", {"apikey": KEY, WARM_UP: "1"}, 204),
    ("POST", CONTENT, RIGHT, 200),
    ("POST", CONTENT, RIGHT | {"apikey": SYNKRON_KEY}, 200),
    ("POST", CONTENT, RUN_KEY, 401),
    ("POST", CONTENT, RIGHT | {"apikey": KEY + "x"}, 401),
    ("POST", CONTENT, RIGHT | {"apikey": PUBLISHABLE}, 401),
    ("POST", CONTENT, RIGHT | {"apikey": USER}, 401),
    ("POST", CONTENT, RUN_KEY | {"Authorization": f"Bearer {KEY}"}, 401),
    ("POST", CONTENT, RUN_KEY | {"Authorization": f"Bearer {USER}"}, 401),
    ("POST", CONTENT, {"apikey": KEY}, 400),
    ("POST", CONTENT, RIGHT | {"Idempotency-Key": "another"}, 400),
    ("POST", "", RIGHT, 400),
    ("POST", "[]", RIGHT, 400),
    ("POST", "null", RIGHT, 400),
    ("POST", "run", RIGHT, 400),
    ("POST", "{}", {"apikey": KEY}, 400),
    ("POST", json.dumps({"idempotency_key": RUN.key}), RIGHT, 500),
    ("HEAD", "", {"apikey": KEY, WARM_UP: "1"}, 204),
    ("OPTIONS", "", {"apikey": KEY, WARM_UP: "1"}, 204),
    ("GET", "", {WARM_UP: "1"}, 401),
    ("GET", "", {"apikey": KEY}, 405),
    # Whoever adds the header to a run makes no warm-up of it.
    ("POST", CONTENT, RIGHT | {WARM_UP: "1"}, 200),
]


async def test_what_it_answers(database: Database, tmp_path: Path) -> None:
    answered = []
    async with project(database, tmp_path) as there, ClientSession() as client:
        address = f"{there.platform.url}/functions/v1/sync"
        for method, text, headers, _ in CASES:
            async with client.request(method, address, data=text or None, headers=headers) as response:
                answered.append((method, text, headers, response.status))
                assert BOOTED_AT in response.headers
        assert await there.synced() == [(RUN.key, 1)]
    assert answered == CASES
    assert len(there.platform.isolates) == 1


async def test_completions_need_a_secret(database: Database, tmp_path: Path) -> None:
    """It says so at once, and not when the first long run has ended."""
    async with project(database, tmp_path, SYNKRON_URL="http://127.0.0.1:1") as there, there.target() as target:
        outcome = await target.call(RUN, terms())
    assert outcome.error == "HTTP 503 Service Unavailable: the function can't start; read its log in Supabase"


def test_it_stays_alive_for_as_long_as_synkron_takes_it_for_warm() -> None:
    keep_warm = Profile(name="", title="", source="").keep_warm.total_seconds()
    assert f"const KEEP_ALIVE_MS = {keep_warm:_.0f}_000;" in FUNCTION.read_text("utf-8")


@pytest.mark.parametrize("check", [["check", *LOCKED], ["fmt", "--check", "--line-width=120"], ["lint"]])
async def test_deno_itself_finds_nothing_wrong_with_it(check: list[str], tmp_path: Path) -> None:
    (tmp_path / "index.ts").write_text(FUNCTION.read_text("utf-8"))
    assert await checked(tmp_path, *check, "index.ts") == ""
