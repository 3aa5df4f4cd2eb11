"""The page of a run: it shows attempts and a request only of what was, or will be, sent to the target."""

from __future__ import annotations

import re

from tests.conftest import Connection
from tests.service.api.cast import add_run
from tests.support.api import Api
from tests.support.fleet import add_integration, add_organization

PAGE = {"Accept": "text/html"}
SECTIONS = {
    "stages": 'id="stages"',
    "attempts": 'id="attempts"',
    "sent": "What was sent",
    "to send": "What will be sent",
}
# What is decided, how it stands, how many attempts it has had, and what its page shows.
CASES = [
    ("run", "claimed", 0, {"attempts", "to send"}),
    ("run", "claimed", 1, {"stages", "attempts", "sent"}),
    ("run", "running", 1, {"stages", "attempts", "sent"}),
    ("run", "succeeded", 1, {"stages", "attempts", "sent"}),
    ("run", "failed", 1, {"stages", "attempts", "sent"}),
    ("run", "skipped", 1, {"stages", "attempts", "sent"}),
    ("run", "skipped", 0, set()),
    ("merge", "skipped", 0, set()),
    ("skip", "skipped", 0, set()),
    ("expire", "skipped", 0, set()),
]


def fact_texts(page: str) -> dict[str, str]:
    """The facts by their names, without markup."""
    found = re.findall(r"<dt>([^<]*)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return {name: re.sub(r"<[^>]*>", "", text).strip() for name, text in found}


async def test_a_page_shows_what_belongs_to_its_run(api: Api, connection: Connection) -> None:
    org_id = await add_organization(connection, "Fjord", "Europe/Oslo")
    integration = await add_integration(connection, "0 * * * *", org_id=org_id)
    for number, (action, state, attempt, sections) in enumerate(CASES, 2):
        run_id = await add_run(connection, org_id, integration, "e", number)
        await connection.execute(
            "update synkron.runs set action = $2, state = $3, attempt = $4, failures = 0, "
            "error = case when $3 = 'failed' then 'e' end, "
            "started_at = case when $4 > 0 then started_at end, "
            "finished_at = case when $3 not in ('claimed', 'running') then finished_at end, reason = 'as it is' "
            "where id = $1",
            run_id,
            action,
            state,
            attempt,
        )
        if not attempt:
            await connection.execute("delete from synkron.attempts where run_id = $1", run_id)
        shown = (await api.get(f"/runs/{run_id}", headers=PAGE)).text
        assert "as it is" in shown
        if state == "claimed" and not attempt:
            held = await connection.fetchval(
                "insert into synkron.pauses (integration_id, reason, author) values ($1, 'the vendor moves', 'kari') "
                "returning id",
                integration,
            )
            for path in (f"/runs/{run_id}", "/runs", f"/integrations/{integration}"):
                assert f"Held by pause {held}" in (await api.get(path, headers=PAGE)).text, path
            for reason, told in (("on time", ""), ("caught up", "caught up")):
                await connection.execute("update synkron.runs set reason = $2 where id = $1", run_id, reason)
                facts = fact_texts((await api.get(f"/runs/{run_id}", headers=PAGE)).text)
                assert facts["Decision"] == "run"
                assert facts["Reason"] == "; ".join(filter(None, (told, f"Held by pause {held}")))
            await connection.execute("update synkron.pauses set ended_at = now(), ended_by = 'kari'")
        assert "Held by" not in shown
        found = {name for name, text in SECTIONS.items() if text in shown}
        assert found == sections, (action, state, attempt)


async def test_a_run_that_was_tried_again_shows_the_figures_of_its_last_try(api: Api, connection: Connection) -> None:
    org_id = await add_organization(connection)
    run_id = await add_run(connection, org_id, await add_integration(connection, "0 * * * *", org_id=org_id), "e")
    once = _figures((await api.get(f"/runs/{run_id}", headers=PAGE)).text)
    assert "Until the target answered 1.0 s" in once
    assert "Earlier tries" not in once
    # The run started 7 minutes after its moment, its last attempt 27 minutes after it, and it ended after 30.
    await connection.execute(
        "insert into synkron.attempts (run_id, scheduled_for, attempt, worker, started_at, finished_at, outcome, "
        "duration, error) select run_id, scheduled_for, 2, 'w', started_at + interval '27 minutes', finished_at, "
        "'succeeded', interval '4 seconds', null from synkron.attempts where run_id = $1",
        run_id,
    )
    await connection.execute("update synkron.runs set attempt = 2 where id = $1", run_id)
    twice = _figures((await api.get(f"/runs/{run_id}", headers=PAGE)).text)
    assert "Earlier tries, and the waits after them 20 min" in twice
    assert "Until the target answered (attempt 2) 4.0 s" in twice
    assert "Target answered in" in twice
    assert "Start to end 23 min" in twice


def _figures(page: str) -> str:
    """The text of a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("\u00a0", " ").split())
