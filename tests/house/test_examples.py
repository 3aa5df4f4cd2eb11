"""The examples in the pages work as they stand there."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from synkron.delivery.targets.function import CallableTarget
from synkron.delivery.targets.http import HttpTarget
from synkron.delivery.targets.request import body
from synkron.model import Outcome, OutcomeKind
from synkron.runtime import wall_clock
from synkron.service.api.routes.completion import Completion
from synkron.settings.integrations import profile_of
from synkron.settings.load import Settings
from synkron.settings.redaction import Redaction
from synkron.settings.signing import is_signed
from synkron.vendors.throttling import refusal_in
from tests.conftest import Connection
from tests.delivery.targets.far_side import PATIENCE, RUN, SIGNING, delivered, terms
from tests.house.pages import ROOT, blocks, pages, text_of
from tests.support.databases import Database
from tests.support.fleet import add_integration


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(block, id=f"{page.name} {n}")
        for page in pages()
        for n, block in enumerate(blocks(page.read_text("utf-8"), "toml"))
    ],
)
def test_settings_are_accepted(written: str) -> None:
    Settings(**tomllib.loads(written))


async def test_the_reader_s_example(database: Database, connection: Connection) -> None:
    one = await add_integration(connection, "0 2 * * *", "dynamics")
    [example] = blocks(text_of("README.md"), "python")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        example,
        env={**os.environ, "SYNKRON_DATABASE_URL": database.url},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    assert told.decode().split()[1:] == [one, "dynamics", "2026-11-30", "02:00:00+00:00"]


def test_the_body_s_example_has_the_keys_of_the_body() -> None:
    example, *_ = blocks(text_of("docs/targets.md"), "json")
    assert list(json.loads(example)) == list(json.loads(body(RUN)))


def test_the_example_of_a_vendor_s_refusal_is_one() -> None:
    _, example, _ = blocks(text_of("docs/targets.md"), "json")
    refusal = refusal_in(example.encode(), profile_of("xledger").throttled_codes)
    assert refusal is not None
    assert refusal.resets_at == datetime(2026, 11, 26, 13, 0, tzinfo=UTC)


def test_the_completion_s_examples_are_accepted() -> None:
    *_, example = blocks(text_of("docs/targets.md"), "json")
    content, headers = _defined("completion")(SIGNING, json.loads(body(RUN)), "succeeded")
    assert list(json.loads(content)) == list(json.loads(example))
    assert is_signed(Webhook(SIGNING), headers, content.encode(), wall_clock())
    for written in (example, content):
        assert Completion.model_validate_json(written).outcome == "succeeded"


async def test_the_signature_s_example() -> None:
    read_run = _defined("read_run")
    async with delivered(secret="env:SIGNING") as (target, there):
        await target.call(RUN, terms())
    [request] = there.requests
    headers = dict(request.headers)
    assert read_run(SIGNING, headers, request.body) == json.loads(body(RUN))
    assert read_run(SIGNING, headers, request.body + b" ") is None
    assert read_run(SIGNING, {}, request.body) is None
    assert read_run(SIGNING, headers | {"webhook-signature": "no comma"}, request.body) is None


async def test_the_signature_s_example_takes_a_warm_up() -> None:
    """Its body is empty, and signed."""
    read_run = _defined("read_run")
    async with delivered(secret="env:SIGNING") as (target, there):
        assert isinstance(target, HttpTarget)
        await target.warm_up("warm-up-xledger", wall_clock(), PATIENCE)
    [request] = there.requests
    headers = dict(request.headers)
    assert (request.body, read_run(SIGNING, headers, request.body)) == (b"", {})
    assert read_run(SIGNING, headers, b"{}") is None


async def test_the_callable_s_example(capsys: pytest.CaptureFixture[str]) -> None:
    target = CallableTarget(_defined("run"), 1, Redaction([]))
    assert await target.call(RUN, terms()) == Outcome(OutcomeKind.SUCCEEDED)
    assert RUN.key in capsys.readouterr().out
    assert (await target.call(replace(RUN, period_start=None), terms())).kind is OutcomeKind.FINAL
    target.close()


def test_the_integration_type_s_example() -> None:
    [example] = blocks(text_of("CONTRIBUTING.md"), "python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - the page's own
    assert names["FIKEN"].name == "fiken"
    assert "PROFILES" in Path(ROOT, "src/synkron/settings/integrations/__init__.py").read_text("utf-8")


def _defined(name: str) -> Callable[..., Any]:
    """The function of that name that an example in the page on targets defines."""
    names: dict[str, Any] = {}
    [example] = [block for block in blocks(text_of("docs/targets.md"), "python") if f"def {name}(" in block]
    exec(example, names)  # noqa: S102 - the page's own
    found: Callable[..., Any] = names[name]
    return found
