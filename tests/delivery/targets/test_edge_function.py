"""The handlers in TypeScript, of `examples/edge-function` and docs/targets.md, run in Deno and called by Synkron."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from deno import find_deno_bin
from standardwebhooks import Webhook

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.http import HttpTarget, WarmUpResult
from synkron.delivery.targets.lease import Lease
from synkron.delivery.targets.request import body
from synkron.model import Outcome, OutcomeKind, Run
from synkron.runtime import steady_clock, wall_clock
from synkron.service.api.completion import Completion
from synkron.settings.load import Settings
from synkron.settings.signing import is_signed
from tests.delivery.targets.far_side import PATIENCE, RUN, SIGNING, FarSide, accept, far_side, terms
from tests.house.pages import blocks, text_of

HANDLER = "examples/edge-function/index.ts"
PLACE = "  await Promise.resolve();\n"
NAME = "warm-up-xledger-2026-03-29T01:00:00Z"
LISTENING = "Listening on "
OTHER = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


def deno(folder: Path, export: str = PLACE, **environment: str) -> AbstractAsyncContextManager[str]:
    """The address of the reference handler, with this export in its place."""
    handler = text_of(HANDLER)
    assert handler.count(PLACE) == 1
    return served(folder, handler.replace(PLACE, export), **environment)


@asynccontextmanager
async def served(folder: Path, handler: str, **environment: str) -> AsyncIterator[str]:
    """The address of a handler. Deno has the loopback, its variables, and no more."""
    (folder / "index.ts").write_text(handler)
    variables = ("SYNKRON_SECRET", "SYNKRON_URL", "ANSWER_WITHIN_MS")
    process = await asyncio.create_subprocess_exec(
        find_deno_bin(),
        "run",
        "--no-prompt",
        "--no-remote",
        "--no-npm",
        "--no-config",
        "--no-lock",
        "--allow-net=127.0.0.1",
        f"--allow-env={','.join(variables)}",
        "index.ts",
        cwd=folder,
        env=isolated(folder) | {"DENO_SERVE_ADDRESS": "tcp:127.0.0.1:0", "SYNKRON_SECRET": SIGNING} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = []
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            async for line in process.stdout:
                said.append(line.decode())
                if LISTENING in said[-1]:
                    break
        assert said, process.returncode
        assert LISTENING in said[-1], said
        yield said[-1].partition(LISTENING)[2].split()[0].rstrip("/")
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def isolated(folder: Path) -> dict[str, str]:
    """The environment in which Deno keeps to its folder and asks nobody for updates."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "DENO_DIR": str(folder / "deno"),
        "DENO_NO_UPDATE_CHECK": "1",
        "NO_COLOR": "1",
    }


@asynccontextmanager
async def target_at(url: str, secret: str = SIGNING) -> AsyncIterator[HttpTarget]:
    settings = Settings(types={"xledger": {"target": f"{url}/sync", "secret": "env:SECRET"}})
    async with open_targets(settings, {"SECRET": secret}) as targets:
        target = targets["xledger"]
        assert isinstance(target, HttpTarget)
        yield target


async def called(target: HttpTarget, run: Run = RUN) -> Outcome:
    lasting = Lease(float("inf"), steady_clock(asyncio.get_running_loop()))
    return await target.call(run, terms(lease=lasting))


async def warm_up(target: HttpTarget) -> WarmUpResult:
    return await target.warm_up(NAME, wall_clock(), PATIENCE)


async def test_a_warm_up_and_a_run(tmp_path: Path) -> None:
    async with deno(tmp_path) as url, target_at(url) as target:
        reception = await warm_up(target)
        outcome = await called(target)
    assert (reception.http_status, reception.error) == (204, None)
    assert (outcome.kind, outcome.http_status, outcome.error) == (OutcomeKind.SUCCEEDED, 200, None)
    assert reception.uptime is not None
    assert outcome.uptime is not None
    assert timedelta() <= reception.uptime < PATIENCE


async def test_a_run_that_comes_twice_is_done_once_and_one_that_failed_is_tried_again(tmp_path: Path) -> None:
    statuses = [500, 200, 200]

    async def vendor(request: web.Request) -> web.Response:
        del request
        return web.Response(status=statuses.pop(0), text="the vendor's own words")

    async with far_side(vendor) as there, deno(tmp_path, exporting_to(there)) as url, target_at(url) as target:
        failed, *done = [await called(target, replace(RUN, attempt=attempt)) for attempt in (1, 2, 3)]
        await called(target, replace(RUN, key="another"))
    assert (failed.kind, failed.http_status) == (OutcomeKind.RETRYABLE, 500)
    assert "the vendor answered 500" in str(failed.error)
    assert [one.kind for one in done] == [OutcomeKind.SUCCEEDED] * 2
    assert [request.headers["Key"] for request in there.requests] == [RUN.key, RUN.key, "another"]


async def test_long_work_is_answered_202_and_completed_later(tmp_path: Path) -> None:
    released, completed = asyncio.Event(), asyncio.Event()

    async def vendor(request: web.Request) -> web.Response:
        await released.wait()
        return await accept(request)

    async def synkron(request: web.Request) -> web.Response:
        completed.set()
        return await accept(request)

    async with far_side(vendor) as there, far_side(synkron) as here:
        settings = {"SYNKRON_URL": here.url, "ANSWER_WITHIN_MS": "1"}
        async with deno(tmp_path, exporting_to(there), **settings) as url, target_at(url) as target:
            outcome = await called(target)
            assert (outcome.kind, here.requests) == (OutcomeKind.ACCEPTED, [])
            released.set()
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await completed.wait()
    [told] = here.requests
    assert (told.method, told.path) == ("POST", f"/v1/runs/{RUN.id}/complete")
    assert is_signed(Webhook(SIGNING), told.headers, told.body, wall_clock())
    completion = Completion.model_validate_json(told.body)
    assert (str(completion.idempotency_key), completion.attempt, completion.outcome) == (RUN.key, 1, "succeeded")


async def test_what_it_refuses(tmp_path: Path) -> None:
    content, now = body(RUN).decode(), wall_clock()
    old = now - timedelta(minutes=6)
    right = signed(RUN.key, content, now) | {"Idempotency-Key": RUN.key}
    cases = [
        ("POST", content, right, 200),
        ("POST", content + " ", right, 401),
        ("POST", content, right | {"webhook-signature": "v1,AAAA"}, 401),
        ("POST", content, right | {"webhook-signature": "nonsense"}, 401),
        ("POST", content, right | signed(RUN.key, content, old), 401),
        ("POST", content, {"Idempotency-Key": RUN.key}, 401),
        ("POST", content, signed(RUN.key, content, now), 400),
        ("POST", content, right | {"Idempotency-Key": "another"}, 400),
        ("POST", "[]", signed(RUN.key, "[]", now) | {"Idempotency-Key": RUN.key}, 400),
        ("POST", "null", signed(RUN.key, "null", now) | {"Idempotency-Key": RUN.key}, 400),
        ("POST", "run", signed(RUN.key, "run", now) | {"Idempotency-Key": RUN.key}, 400),
        ("GET", "", signed(NAME, "", now) | {"Synkron-Warm-Up": "1"}, 204),
        ("GET", "", {"Synkron-Warm-Up": "1"}, 401),
        ("GET", "", signed(NAME, "", now), 405),
        # Whoever adds the header to a signed run makes no warm-up of it.
        ("POST", content, right | {"Synkron-Warm-Up": "1"}, 200),
    ]
    answered = []
    async with deno(tmp_path) as url, ClientSession() as client:
        for method, text, headers, _ in cases:
            async with client.request(method, url, data=text or None, headers=headers) as response:
                answered.append(response.status)
                assert "Synkron-Booted-At" in response.headers
    assert answered == [status for *_, status in cases]


async def test_the_page_s_handler(tmp_path: Path) -> None:
    """A warm-up, signed and without a body, is no run and no fault."""
    [handler] = blocks(text_of("docs/targets.md"), "ts")
    async with served(tmp_path, handler) as url, target_at(url) as target:
        reception = await warm_up(target)
        outcome = await called(target)
        async with target_at(url, OTHER) as stranger:
            refused = await called(stranger)
    assert (reception.http_status, reception.error) == (204, None)
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.SUCCEEDED, 200)
    assert (refused.kind, refused.http_status) == (OutcomeKind.FINAL, 401)


async def test_with_another_secret_the_run_fails(tmp_path: Path) -> None:
    async with deno(tmp_path) as url, target_at(url, OTHER) as target:
        outcome = await called(target)
        reception = await warm_up(target)
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.FINAL, 401)
    assert (reception.http_status, reception.error) == (401, None)


async def test_without_a_secret_it_does_not_boot(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="set SYNKRON_SECRET"):
        async with deno(tmp_path, SYNKRON_SECRET=""):
            pass


@pytest.mark.parametrize("check", [["check", "--no-remote"], ["fmt", "--check", "--line-width=120"], ["lint"]])
async def test_deno_itself_finds_nothing_wrong_with_it(check: list[str], tmp_path: Path) -> None:
    (tmp_path / "index.ts").write_text(text_of(HANDLER))
    process = await asyncio.create_subprocess_exec(
        find_deno_bin(),
        *check,
        "index.ts",
        cwd=tmp_path,
        env=isolated(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def exporting_to(there: FarSide) -> str:
    """An export in TypeScript that asks the vendor."""
    return f"""\
  const answer = await fetch({json.dumps(there.url)}, {{ headers: {{ "Key": run.idempotency_key }} }});
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the vendor answered ${{answer.status}}`);
"""


def signed(name: str, content: str, at: datetime) -> dict[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SIGNING).sign(name, at, content),
    }
