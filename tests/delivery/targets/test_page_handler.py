"""The handler in TypeScript that docs/targets.md shows, run in Deno and called by Synkron."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from synkron.delivery.targets import open_targets
from synkron.delivery.targets.http import HttpTarget
from synkron.model import OutcomeKind
from synkron.runtime import wall_clock
from synkron.settings.load import Settings
from tests.delivery.targets.far_side import PATIENCE, RUN, SIGNING, terms
from tests.house.pages import blocks, text_of
from tests.support.deno import served

OTHER = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


@asynccontextmanager
async def target_at(url: str, secret: str = SIGNING) -> AsyncIterator[HttpTarget]:
    settings = Settings.model_validate({"types": {"xledger": {"target": f"{url}/sync", "secret": "env:SECRET"}}})
    async with open_targets(settings, {"SECRET": secret}) as targets:
        target = targets["xledger"]
        assert isinstance(target, HttpTarget)
        yield target


async def test_it_takes_runs_and_warm_ups_that_are_signed(tmp_path: Path) -> None:
    """A warm-up, signed and without a body, is no run and no fault."""
    [handler] = blocks(text_of("docs/targets.md"), "ts")
    path = tmp_path / "index.ts"
    path.write_text(handler)
    async with served(tmp_path, path, SYNKRON_SECRET=SIGNING) as function, target_at(function.url) as target:
        reception = await target.warm_up("warm-up-xledger", wall_clock(), PATIENCE)
        outcome = await target.call(RUN, terms())
        async with target_at(function.url, OTHER) as stranger:
            refused = await stranger.call(RUN, terms())
    assert (reception.http_status, reception.error) == (204, None)
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.SUCCEEDED, 200)
    assert (refused.kind, refused.http_status) == (OutcomeKind.FINAL, 401)
