"""Who is tied to one organization is answered alike about what others have and what nobody has."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from synkron.operations.access.actor import Permission
from synkron.service.api.routes.exports import prefers_csv
from tests.conftest import Connection
from tests.service.api.cast import add_run, make_cast
from tests.service.api.conftest import Api, token_of

NOBODY = "00000000-0000-4000-8000-00000000dead"
LISTS = ["runs", "integrations", "upcoming", "pauses", "silences", "overrides", "incidents", "drift", "report"]
LISTS += ["verify", "why"]


async def test_an_integration_that_is_foreign_unknown_or_gone(api: Api, connection: Connection) -> None:
    mine, other, _ = await make_cast(connection)
    tied = api.with_token(await token_of(connection, Permission.OPERATE, mine.org_id))
    gone, moved = "00000000-0000-4000-8000-00000000beef", other.integrations[1]
    await add_run(connection, mine.org_id, gone, "it was mine")
    await add_run(connection, mine.org_id, moved, "it was mine before it moved")
    await connection.execute("insert into synkron.pauses (integration_id, reason, author) values ('x', 'y', 'kari')")
    for noun in LISTS:
        for asked in (other.integrations[0], NOBODY, "x", "7"):
            answer = await tied.get(f"/v1/{noun}?integration={asked}")
            said = answer.content.get("detail") if isinstance(answer.content, dict) else answer.text
            assert (answer.status, said) == (404, f'There is no integration "{asked}".'), noun
        own = [] if noun in ("integrations", "why") else [gone, moved]
        for asked in (mine.integrations[0], mine.integrations[0].upper(), *own):
            answer = await tied.get(f"/v1/{noun}?integration={asked}")
            assert answer.status in (200, 503), (noun, asked, answer.text)
    runs = await tied.get(f"/v1/runs?integration={mine.integrations[0].upper()}")
    assert [one["run_id"] for one in runs.content["items"]] == [mine.run_id]
    answer = await tied.get(f"/v1/runs?integration={mine.integrations[0]}&type=dynamics")
    assert answer.status == 404
    assert "of the organization or the type that is named beside it" in answer.content["detail"]
    answer = await api.get(f"/v1/audit?integration={mine.integrations[0]}&org={other.org_id}")
    assert answer.status == 404
    assert "--" not in answer.content["detail"]


async def test_the_types_of_the_settings_are_not_listed(api: Api, connection: Connection) -> None:
    mine, *_ = await make_cast(connection)
    tied = api.with_token(await token_of(connection, Permission.OPERATE, mine.org_id))
    everybody = api.with_token(await token_of(connection, Permission.OPERATE))
    asked = {"integration_type": "nobody", "reason": "x"}
    backfill = {"integration_type": "nobody", "from": "2026-01-05T14:00Z", "to": "2026-01-05T16:00Z"}
    for path, body in (("pauses", asked), ("silences", asked | {"for": "1h"}), ("backfill", backfill)):
        answer = await tied.post(f"/v1/{path}?dry_run=true", body)
        assert answer.status == 404, answer.text
        assert 'There is no integration type "nobody"' in answer.content["detail"]
        assert "dynamics" not in answer.text
        answer = await everybody.post(f"/v1/{path}?dry_run=true", body)
        assert "The settings know bufdir, dynamics, xledger." in answer.content["detail"]


async def test_a_cursor_of_another_list_is_refused(api: Api, connection: Connection) -> None:
    mine, *_ = await make_cast(connection)
    await add_run(connection, mine.org_id, mine.integrations[0], "another", hours_ago=3)
    everything = api.with_token(await token_of(connection, Permission.ADMIN))
    cursor = (await api.get("/v1/runs?limit=1")).content["next"]
    assert (await api.get(f"/v1/runs?cursor={cursor}")).status == 200
    for noun in ("audit", "pauses", "ticks", "incidents", "silences", "tokens", "overrides", "upcoming"):
        assert (await everything.get(f"/v1/{noun}?cursor={cursor}")).status == 422, noun
    page = {"Accept": "text/html"}
    for path in ("/?", f"/o/{mine.org_id}?", "/incidents?", "/pauses?", "/audit?"):
        assert (await api.get(f"{path}after={cursor}", headers=page)).status == 422, path


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv;q=0, application/json", "application/json"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv, application/json", "text/csv"),
        ("application/json, text/csv", "application/json"),
        ("text/csv;q=x", "text/csv"),
    ],
)
def test_what_is_preferred(accept: str, kind: str) -> None:
    request = Request({"type": "http", "headers": [(b"accept", accept.encode())]})
    assert prefers_csv(request) == (kind == "text/csv")


async def test_the_name_of_an_unknown_member_is_cut_and_printable(api: Api, connection: Connection) -> None:
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    answer = await operator.post("/v1/pauses", {"\u202e\x1b[2J" + "x" * 60_000: 1, "everything": True, "reason": "x"})
    assert answer.status == 422
    assert len(answer.text) < 1500
    [fault] = answer.content["faults"]
    assert fault.startswith(r"body.\u202e\x1b[2Jxxx")
