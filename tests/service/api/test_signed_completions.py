"""Completions that are rightly signed and still wrong: each is refused, and the runs stay as they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from synkron.delivery.targets import read_signings
from tests.conftest import Connection
from tests.delivery.test_completion import ENVIRONMENT, OTHER, SECRET, SETTINGS, accepted, body, recorded, started
from tests.support.api import Answer, Api, serving
from tests.support.databases import Database

MINUTES = timedelta(minutes=1)


async def send(api: Api, run_id: int, content: bytes, signature: dict[str, str]) -> Answer:
    return await api.ask("POST", f"/v1/runs/{run_id}/complete", data=content, headers=signature)


def signed(content: bytes, off: timedelta = timedelta(), secret: str = SECRET) -> dict[str, str]:
    """The headers of who signs this, by a clock that is off."""
    at = datetime.now(UTC) + off  # noqa: TID251 (a target has its own clock)
    signature = Webhook(secret).sign("1", at, content.decode())
    return {"webhook-id": "1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


async def test_only_the_attempt_that_it_is_of_is_completed_and_once(database: Database, connection: Connection) -> None:
    signings = read_signings(SETTINGS, ENVIRONMENT)
    mine, foreign, other_type = [await accepted(connection, kind) for kind in ("xledger", "xledger", "dynamics")]

    async def states() -> list[tuple[Any, ...]]:
        found = [await recorded(connection, one) for one in (mine, foreign, other_type)]
        return [(one.state, one.attempt, one.error, outcomes) for one, outcomes in found]

    def said(outcome: str = "succeeded", attempt: int = 1) -> bytes:
        return json.dumps(body(mine, outcome=outcome, attempt=attempt)).encode()

    failed, good = said("retryable"), said(attempt=2)
    kept = signed(failed)
    async with serving(database, SETTINGS, signings=signings) as api:
        before = await states()
        for run_id, content, signature, status in (
            (mine.id, failed, signed(failed, 10 * MINUTES), 401),
            (mine.id, failed, signed(failed, -10 * MINUTES), 401),
            (mine.id, said("failed"), kept, 401),  # changed after it was signed
            (mine.id, failed + b" ", kept, 401),
            (mine.id, failed, kept | {"webhook-id": "2"}, 401),
            (mine.id, failed, signed(failed, secret=OTHER), 401),
            (other_type.id, failed, kept, 401),
            (foreign.id, failed, kept, 409),
            (mine.id, good, signed(good), 409),  # of an attempt that is yet to come
        ):
            assert (await send(api, run_id, content, signature)).status == status, (run_id, content, signature)
            assert await states() == before
        assert (await send(api, mine.id, failed, kept)).content["state"] == "claimed"
        between = await states()
        assert (await send(api, mine.id, failed, kept)).status == 409
        assert await states() == between
        await started(connection, mine.id)
        between = await states()
        assert (await send(api, mine.id, failed, kept)).status == 409, "a replay is not of the second attempt"
        assert await states() == between
        signature = signed(good)
        assert (await send(api, mine.id, good, signature)).content["state"] == "succeeded"
        after = await states()
        assert (await send(api, mine.id, good, signature)).status == 409
        assert await states() == after
        assert after[1:] == before[1:], "the others"
