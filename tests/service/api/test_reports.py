"""The answers about what became of what was due: forms, ranges, and what they leave out."""

from __future__ import annotations

import csv
import io

import pytest

from synkron.operations.access.actor import Permission
from synkron.reports.exports.sheet import COLUMNS
from tests.conftest import Connection
from tests.service.api.cast import make_cast
from tests.support.api import Api, token_of


@pytest.mark.parametrize(
    ("query", "accept", "is_csv"),
    [
        ("format=csv", "", True),
        ("format=csv", "application/json", True),
        ("format=json", "text/csv", False),
        ("", "text/csv", True),
        ("", "TEXT/CSV;header=present, */*", True),
        ("", "application/json, text/csv", False),
        ("", "text/html, */*", False),
        ("", "", False),
    ],
)
async def test_a_report_is_json_or_csv(query: str, accept: str, is_csv: bool, api: Api, connection: Connection) -> None:
    await make_cast(connection)
    range_of = "range=day" if not query else f"range=day&{query}"
    answer = await api.get(f"/v1/report?{range_of}", headers={"Accept": accept})
    assert answer.status == 200
    if not is_csv:
        assert answer.headers["Content-Type"] == "application/json"
        assert {"title", "types", "organizations"} <= answer.content.keys()
        return
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    heading, *lines = csv.reader(io.StringIO(answer.text))
    assert tuple(heading) == COLUMNS
    # A name can neither end its line nor be a formula or a command.
    assert all(len(line) == len(COLUMNS) for line in lines)
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@")) or "\x1b" in cell]


async def test_in_json_the_worst_organizations_are_listed(api: Api, connection: Connection) -> None:
    cast = await make_cast(connection)
    run = (await api.get(f"/v1/runs/{cast[0].run_id}")).content
    asked = f"/v1/report?since={run['period_start']}"
    everything = (await api.get(asked)).content
    assert everything["organizations_total"] == len(everything["organizations"]) == 3
    cut = (await api.get(f"{asked}&limit=2")).content
    assert cut["organizations"] == everything["organizations"][:2]
    assert cut["organizations_total"] == 3
    assert [one["due"] for one in cut["types"]] == [one["due"] for one in everything["types"]]


async def test_ranges_are_those_of_the_zone(api: Api) -> None:
    for query, since, until in [
        ("range=day&on=2026-11-27", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
        ("range=day&on=2026-10-25&zone=Europe/Oslo", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("range=week&on=2026-11-27", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("range=month&on=2026-02-14&zone=%2B02:00", "2026-01-31T22:00:00Z", "2026-02-28T22:00:00Z"),
        ("since=2026-01-01T00:00Z&until=2026-01-02T00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ]:
        found = (await api.get(f"/v1/report?{query}")).content
        assert found["since"] == since, query
        assert found["asked_until"] == until, query


async def test_a_range_that_has_not_begun_can_t_be_reported(api: Api) -> None:
    answer = await api.get("/v1/report?range=day&on=2199-01-01")
    assert (answer.status, "has not begun" in answer.content["detail"]) == (409, True)


async def test_why_leaves_out_the_changes_that_name_the_runs_of_others(api: Api, connection: Connection) -> None:
    mine, other, _ = await make_cast(connection)
    at = (await api.get(f"/v1/runs/{mine.run_id}")).content["scheduled_for"]
    for ids in ((mine.run_id,), (mine.run_id, other.run_id)):
        runs = ", ".join(f'{{"run": {one}}}' for one in ids)
        subject = f"run {ids[0]}" if len(ids) == 1 else f"runs {ids[0]}, {ids[1]}"
        await connection.execute(
            "insert into synkron.audit (author, action, subject, before) values ('kari', 'retry', $1, $2)",
            subject,
            f'{{"runs": [{runs}]}}',
        )
    tied = api.with_token(await token_of(connection, Permission.READ, mine.org_id))
    asked = f"/v1/why?integration={mine.integrations[0]}&at={at}"
    [everything], [own] = (await api.get(asked)).content, (await tied.get(asked)).content
    both = f"runs {mine.run_id}, {other.run_id}"
    assert [both in str(one["answer"]) for one in (everything, own)] == [True, False]
    assert [both in str(one["audit"]) for one in (everything, own)] == [True, False]
    assert f"run {mine.run_id}" in {one["subject"] for one in own["audit"]}


async def test_a_type_of_an_organization_is_answered_for_as_a_whole(api: Api, connection: Connection) -> None:
    mine, *_ = await make_cast(connection)
    found = (await api.get(f"/v1/why?org={mine.org_id}&type=bufdir")).content
    assert [one["integration_id"] for one in found] == [mine.integrations[1]]
