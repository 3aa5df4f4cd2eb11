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
