"""What pages are asked with by hand: nothing that the database can't hold reaches it."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.service.api.cast import add_member
from tests.service.api.conftest import Api


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/?type=%00",
        "/runs?type=%00",
        "/drift?type=%00",
        "/heat?type=%00",
        "/timeline?type=%00",
        "/audit?author=%00",
        "/audit?org=%00",
        "/audit?type=%00",
        "/audit?integration=%00",
        "/o/%00",
        "/integrations/%00",
    ],
)
async def test_a_null_character_is_no_fault_of_the_database(api: Api, path: str) -> None:
    assert (await api.get(path)).status in (404, 409, 422)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/audit?org=nobody", 404, "There is no organization"),
        ("/audit?type=xledgr", 404, "There is no integration type"),
        ("/audit?integration=0000", 404, "There is no integration"),
        ("/audit?org=Member", 422, "fits several organizations"),
        ("/audit?since=5d", 422, "24h"),
    ],
)
async def test_no_filter_that_is_unknown_is_left_out(
    api: Api, connection: Connection, path: str, status: int, said: str
) -> None:
    for letter in "AB":
        await add_member(connection, letter)
    answer = await api.get(path)
    assert (answer.status, said in answer.text) == (status, True), answer.text


async def test_the_audit_is_filtered(api: Api, connection: Connection) -> None:
    members = [await add_member(connection, letter) for letter in "AB"]
    for query, shown in (
        ("", [True, True]),
        (f"org={members[0].org_id}", [True, False]),
        ("org=Member-B&type=&integration=", [False, True]),
        (f"integration={members[0].integrations[0]}&since=24h", [True, False]),
        ("type=xledger", [True, True]),
        ("type=bufdir", [False, False]),
        ("author=kari&org=Member-A", [True, False]),
        ("author=ola&org=Member-A", [False, False]),
    ):
        text = (await api.get(f"/audit?{query}")).text
        assert [f"integration {one.integrations[0]}" in text for one in members] == shown, query


@pytest.mark.parametrize("path", ["/?type=", "/runs?type=", "/drift?type=", "/heat?type=", "/timeline?type="])
async def test_no_type_is_every_type(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 200
