"""Who is tied to one organization is answered alike about what others have and what nobody has."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from synkron.operations.access.actor import Permission
from synkron.service.api.routes.exports import prefers_csv
from tests.conftest import Connection
from tests.service.api.cast import add_run, make_cast
from tests.support.api import Api, token_of
from tests.support.fleet import add_integration

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


async def listed(api: Api, asked: str) -> tuple[set[str], set[str]]:
    """The integrations whose pauses and whose overrides are listed."""
    found = [(await api.get(f"/v1/{noun}{asked}")).content["items"] for noun in ("pauses", "overrides")]
    own, other = [{one["integration_id"] for one in items} for items in found]
    return own, other


async def test_what_is_set_for_an_integration_that_is_gone_or_has_moved(api: Api, connection: Connection) -> None:
    """Nothing but the audit says whose it was. One that has moved to others is theirs, gone or not."""
    mine, other, _ = await make_cast(connection)
    operators = [api.with_token(await token_of(connection, Permission.OPERATE, one.org_id)) for one in (mine, other)]
    tied, foreign = operators
    gone, moved, both = [await add_integration(connection, "0 3 1 1 *", org_id=mine.org_id) for _ in range(3)]
    numbers = []
    for one in (gone, moved, both):
        paused = await tied.post("/v1/pauses", {"integration_ids": [one], "reason": "secret of mine"})
        numbers.append(paused.content["pauses"][0]["pause_id"])
        await tied.post("/v1/overrides/set", {"integration_id": one, "values": {"attempts": 2, "spread": "30s"}})
    await connection.execute(
        "update organization_integrations set org_id = $1 where id::text in ($2, $3)", other.org_id, moved, both
    )
    await foreign.post("/v1/overrides/set", {"integration_id": both, "values": {"attempts": 3}})
    await connection.execute("delete from organization_integrations where id::text in ($1, $2)", gone, both)

    # The change about what is gone names no type, and hides nothing of it.
    assert (await tied.post("/v1/overrides/unset", {"integration_id": gone, "keys": ["spread"]})).status == 200
    for who, asked, own in ((tied, "", {gone}), (foreign, "", {moved, both}), (tied, f"?integration={gone}", {gone})):
        pauses, overrides = await listed(who, asked)
        assert pauses & {gone, moved, both} == overrides & {gone, moved, both} == own
    for one in (moved, both):  # it was mine, as the audit has it, and what others have set for it since is theirs
        assert await listed(tied, f"?integration={one}") == (set(), set())
    assert (await foreign.get(f"/v1/pauses?integration={gone}")).status == 404
    assert (await api.get(f"/v1/pauses?integration={gone}")).content["items"][0]["integration_id"] == gone

    page = await tied.get("/pauses", headers={"Accept": "text/html"})
    offered = {number for number in numbers if f"/act/resume?pause={number}&" in page.text}
    assert offered == {numbers[0]}
    asks = await tied.get(f"/act/resume?pause={numbers[0]}", headers={"Accept": "text/html"})
    assert asks.status == 200

    for number, one in zip(numbers, (gone, moved, both), strict=True):
        right, wrong = (tied, foreign) if one == gone else (foreign, tied)
        changes = [("pauses/resume", {"pause_ids": [number]}), ("overrides/unset", {"integration_id": one})]
        changes.insert(0, ("pauses/resume?dry_run=true", {"integration_ids": [one]}))
        for path, body in changes:
            refused = await wrong.post(f"/v1/{path}", body)
            assert refused.status == 404, (path, one, refused.text)
            assert "secret of mine" not in refused.text
        for path, body in changes:
            assert (await right.post(f"/v1/{path}", body)).status == 200, (path, one)
    assert (await tied.post("/v1/overrides/unset", {"integration_id": gone})).status == 404


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
