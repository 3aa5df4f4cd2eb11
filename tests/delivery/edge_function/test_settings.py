"""An Edge Function in the settings: a few lines, and every fault has a sentence of its own that shows no key."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.edge_function import MEANINGS, WANTS_JWT, platform_error
from synkron.delivery.targets.http import HttpTarget
from synkron.delivery.targets.request import WARM_UP
from synkron.errors import SettingsError
from synkron.runtime import wall_clock
from synkron.settings.load import Settings, load_settings
from synkron.settings.policy import Policy
from synkron.settings.supabase import fault_in_function_key, function_in
from tests.delivery.targets.far_side import PATIENCE, RUN, accept, answering, far_side, terms

KEY = "sb_secret_pl4nted"
WRITTEN = """
[supabase]
url = "{url}"
secret_key = "env:KEY"

[types.xledger]
target = "edge:sync"
"""


async def test_what_a_user_writes(tmp_path: Path) -> None:
    (tmp_path / "synkron.toml").write_text("")
    async with far_side(accept) as there:
        settings = Settings.model_validate(tomllib.loads(WRITTEN.format(url=there.url)))
        async with open_targets(settings, {"KEY": KEY}) as targets:
            target = targets["xledger"]
            assert isinstance(target, HttpTarget)
            await target.call(RUN, terms())
            await target.warm_up("warm-up", wall_clock(), PATIENCE)
    run, warm_up = there.requests
    assert (run.method, run.path) == ("POST", "/functions/v1/sync")
    assert (warm_up.method, warm_up.path) == ("GET", "/functions/v1/sync")
    assert (run.headers["Idempotency-Key"], warm_up.headers[WARM_UP]) == (RUN.key, "1")
    for request in there.requests:
        assert request.headers["apikey"] == KEY
        assert "Authorization" not in request.headers


def test_it_is_waited_for_longer_than_its_platform_waits() -> None:
    assert Policy().timeout > timedelta(seconds=150)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("edge:sync", "sync"),
        ("edge:sync-xledger_2", "sync-xledger_2"),
        ("edge:", None),
        ("edge:2sync", None),
        ("edge:sync/other", None),
        ("edge:sync?key=1", None),
        ("edge:../sync", None),
        ("Edge:sync", None),
        ("bookkeeping:sync", None),
        ("https://example.com/functions/v1/sync", None),
        (None, None),
    ],
)
def test_how_a_function_is_named(target: str | None, name: str | None) -> None:
    assert function_in(target) == name


TARGET = (
    'types.xledger.target: expected an address ("https://example.com/sync"), a Supabase Edge Function ("edge:sync") or '
    'a callable ("package.module:function")'
)


def test_a_name_that_no_function_has(tmp_path: Path) -> None:
    path = tmp_path / "synkron.toml"
    path.write_text('[types.xledger]\ntarget = "edge:../sync"\n[supabase]\nsecret_key = "sb_secret_pl4nted"\n')
    with pytest.raises(SettingsError) as refusal:
        load_settings(path)
    assert sorted(refusal.value.faults) == [
        'supabase.secret_key: expected "env:NAME" or "file:PATH"; do not write the secret itself into the settings',
        TARGET,
    ]


WHOLE = "https://example.com/functions/v1/sync"
PROJECT = {"url": "https://example.com", "secret_key": "env:KEY"}


@pytest.mark.parametrize(
    ("project", "key", "says"),
    [
        ({}, KEY, "types.xledger.target: an Edge Function needs the project: add [supabase] with url = "),
        ({"url": "https://example.com"}, KEY, "types.xledger.target: an Edge Function needs a key: add secret_key = "),
        (PROJECT | {"url": "https://example.com/functions"}, KEY, "supabase.url: it contains a path; expected"),
        (PROJECT | {"url": "https://example.com?apikey=1"}, KEY, "supabase.url: it contains a query"),
        (PROJECT | {"url": "https://user:pl4nted@example.com"}, KEY, "supabase.url: it contains a user or a password"),
        (PROJECT | {"url": "https://example.com:port"}, KEY, "supabase.url: it can't be read as a URL"),
        (PROJECT | {"url": "http://[::1"}, KEY, "supabase.url: it can't be read as a URL"),
        (
            PROJECT | {"secret_key": "env:ABSENT"},
            KEY,
            "supabase.secret_key: the environment variable ABSENT ",
        ),
        (PROJECT | {"secret_key": "file:absent"}, KEY, "supabase.secret_key: the file absent can't be read"),
        (PROJECT, " ", "supabase.secret_key: env:KEY is empty"),
        (PROJECT, "sb_publishable_pl4nted", "supabase.secret_key: this is a publishable key"),
        (PROJECT, "eyJhbGciOiJI.eyJyb2xlIjoi.pl4nted", "supabase.secret_key: this is a JWT"),
        (PROJECT, "sb_secret_pl4n\nted", "supabase.secret_key: this is not a Supabase secret key"),
        (PROJECT, f"Bearer {KEY}", "supabase.secret_key: this is not a Supabase secret key"),
        (PROJECT, "pl4nted", "supabase.secret_key: this is not a Supabase secret key"),
    ],
)
async def test_each_fault_has_its_sentence(project: dict[str, str], key: str, says: str) -> None:
    told = await faults(project, key, xledger={"target": "edge:sync"})
    assert told[0].startswith(says)
    assert "pl4n" not in "".join(told)
    assert len(told) == (1 if project else 2)  # without a section, both of its keys are missing


async def test_what_is_wrong_with_the_project_is_told_once() -> None:
    types = {name: {"target": "edge:sync"} for name in ("xledger", "dynamics", "bufdir")}
    assert len(await faults(PROJECT, "nonsense", **types)) == 1


@pytest.mark.parametrize(
    ("target", "headers", "says"),
    [
        ("edge:sync", {"apikey": "env:KEY"}, "types.xledger.headers.apikey: Synkron sets this header itself"),
        ("edge:sync", {"Authorization": "env:BEARER"}, None),
        (
            WHOLE,
            {"authorization": "env:BEARER"},
            "types.xledger.headers.authorization: a Supabase API key is not a Bearer token",
        ),
        (
            WHOLE,
            {"Authorization": "env:KEY"},
            "types.xledger.headers.Authorization: ",
        ),
        (WHOLE, {"Authorization": "env:BEARER", "ApiKey": "env:KEY"}, None),
        (WHOLE, {"Authorization": "Bearer eyJ.eyJ.c2ln"}, None),
    ],
)
async def test_a_key_is_never_a_bearer_token_alone(target: str, headers: dict[str, str], says: str | None) -> None:
    told = await faults(PROJECT, KEY, xledger={"target": target, "headers": headers})
    assert len(told) == (says is not None)
    assert all(one.startswith(says or "") and "pl4nted" not in one for one in told)


@pytest.mark.parametrize(
    "key", ["", "sb_secret_", "sb_secret_a b", "sb_secret_\u00e5", "sb_secret_\x00", "Sb_secret_a"]
)
def test_keys_that_are_none(key: str) -> None:
    assert fault_in_function_key(key)


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (504, "IDLE_TIMEOUT", MEANINGS["IDLE_TIMEOUT"]),
        (504, None, MEANINGS["IDLE_TIMEOUT"]),
        (546, "WORKER_LIMIT", MEANINGS["WORKER_LIMIT"]),
        (546, None, MEANINGS["WORKER_RESOURCE_LIMIT"]),
        (503, "BOOT_ERROR", MEANINGS["BOOT_ERROR"]),
        (404, "NOT_FOUND", MEANINGS["NOT_FOUND"]),
        (401, "UNAUTHORIZED_NO_AUTH_HEADER", WANTS_JWT),
        (401, "UNAUTHORIZED_INVALID_JWT_FORMAT", WANTS_JWT),
        # The function's own answers, and what nobody knows.
        (504, "EDGE_FUNCTION_ERROR", None),
        (500, None, None),
        (404, None, None),
        (401, None, None),
        (503, "SOMETHING_NEW", None),
        (None, None, None),
    ],
)
def test_what_the_platform_means(status: int | None, code: str | None, meaning: str | None) -> None:
    assert platform_error(status, {"sb-error-code": code} if code else {}) == meaning


async def test_another_server_s_504_is_not_the_platform_s() -> None:
    async with far_side(answering(504, "the gateway's words")) as there:
        settings = Settings.model_validate({"types": {"xledger": {"target": there.url}}})
        async with open_targets(settings, {}) as targets:
            outcome = await targets["xledger"].call(RUN, terms())
    assert outcome.error == "HTTP 504 Gateway Timeout: the gateway's words"


async def faults(project: dict[str, str], key: str, **types: Any) -> list[str]:
    settings = Settings.model_validate({"supabase": project, "types": types})
    try:
        async with open_targets(settings, {"KEY": key, "BEARER": f"Bearer {KEY}"}):
            return []
    except SettingsError as error:
        return error.faults
