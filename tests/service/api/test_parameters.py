"""Parameters that are not what they should be: refused with what is allowed, and nothing of what was sent."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from urllib.parse import quote

import pytest
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from synkron.service.api.application import ROUTERS
from tests.conftest import Connection
from tests.service.api.cast import add_member, add_run, make_cast
from tests.support.api import Api


def cursor(text: str) -> str:
    """A text as a cursor is written."""
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


INSTANTS = (
    "2026-11-23T02:00",
    "2026-11-23",
    "1764000000",
    "now",
    "yesterday",
    "2026-11-23T02:00+01:00",  # a plus that is not escaped is a blank
    "1971-12-31T00:00Z",
    "1972-01-01T00:00%2B14:00",
    "2199-12-31T23:59-14:00",
    "2200-01-01T00:00Z",
    "0001-01-01T00:00%2B14:00",
    "9999-12-31T23:59-14:00",
    "2026-11-23T25:00Z",
    "%00",
    "9" * 500,
)
CURSORS = (
    "x",
    "%00",
    "é",
    "null",
    cursor("[]"),
    cursor("{}"),
    cursor('{"t7": 1}'),
    cursor('["2026-11-23T02:00Z"]'),
    cursor('["2026-11-23T02:00Z", 1, 2]'),
    cursor('["2026-11-23T02:00", 1]'),
    cursor('["2026-11-23T02:00Z", null]'),
    cursor('["2026-11-23T02:00Z", true]'),
    cursor('["2026-11-23T02:00Z", 9223372036854775808]'),
    cursor("[1e999, 1]"),
    cursor('["2026-11-23T02:00Z", "\\ud800"]'),
    cursor('["\\ud800"]'),
    cursor("[" * 2000),
    "A" * 5000,
)
NUMBERS = ("0", "-1", "1001", "x", "1.5", "", "9" * 400)
# What Python's or the library's reading of a text takes for 7, or for a moment. An address has one form for each.
NOT_NUMBERS = ("7.0", "+7", "07", "0_7", "7_0", " 7", "7 ", "7\n", "\u0667", "\uff17", "7e0", "0x7", "True")
NOT_DAYS = ("1763942400", "1763942400000", "2025-11-24T00:00", "20251124", "2025-W48-1", "25-11-24", "2025-11-24 ")
NOT_INSTANTS = ("1763942400", "1763942400.0", "2025-11-24", "2025-11-24T02:00", "\u0662025-11-24T02:00Z")
TEXTS = ("", "%00", "x" * 201, "a%00b")
REFUSED = {
    **{f"since={one}": "ISO 8601" for one in INSTANTS},
    **{f"cursor={one}": "" for one in CURSORS},
    **{f"limit={one}": "" for one in NUMBERS},
    **{f"{name}={one}": "" for name in ("org", "type", "integration") for one in TEXTS},
    "state=lost": "running",
}


async def test_what_is_not_allowed_is_a_problem_that_says_what_is(api: Api) -> None:
    for noun in ["runs", "incidents", "audit", "ticks", "upcoming", "pauses", "integrations"]:
        path = f"/v1/{noun}"
        document = (await api.get("/v1/openapi.json")).content
        takes = {one["name"] for one in document["paths"][path]["get"]["parameters"]}
        for query, allowed in REFUSED.items():
            if query.partition("=")[0] in takes:
                answer = await api.get(f"{path}?{query}")
                assert answer.status == 422, (query, answer.text)
                assert answer.content["detail"].startswith(f"query.{query.partition('=')[0]}"), answer.text
                assert allowed in answer.content["detail"], noun
                assert len(answer.text) < 2000, noun


async def test_each_question_says_what_it_may_be_asked(api: Api, connection: Connection) -> None:
    await add_member(connection, "A")
    for path, said in [
        ("/v1/verify?since=2026-01-01T00:00Z&until=2026-03-01T00:00Z", "longer than 32 days"),
        ("/v1/verify?since=2026-01-02T00:00Z&until=2026-01-01T00:00Z", "ends"),
        ("/v1/verify?late_after=soon", "24h"),
        ("/v1/drift?until=2026-01-01T00:00Z&since=2026-01-01T00:00Z", "ends"),
        ("/v1/report?range=decade", "last_night"),
        ("/v1/report?range=week&since=2026-01-01T00:00Z", "range"),
        ("/v1/report?until=2026-01-01T00:00Z", "since"),
        ("/v1/report?on=2026-01-01", "range"),
        ("/v1/report?range=day&on=9999-12-31", "2199"),
        ("/v1/report?zone=Mars", "Mars"),
        ("/v1/report?format=xml", "csv"),
        ("/v1/explain?expression=0 25 * * *", "25"),
        ("/v1/explain?expression=0 2 * * *&zone=x%00", "null"),
        ("/v1/explain", "expression"),
        ("/v1/why", "integration"),
        ("/v1/why?org=x&type=xledger&integration=y", ""),
        ("/v1/forecast?hours=745", "744"),
        ("/v1/incidents?kind=sad", "run_failed"),
        ("/v1/health/samples", "endpoint"),
    ]:
        answer = await api.get(path)
        assert answer.status in (404, 422), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json", path
        assert said in answer.content["detail"], path


@pytest.mark.parametrize(
    ("sample", "kind", "refused"),
    [
        ("7", int, NOT_NUMBERS),
        ("2025-11-24", date, NOT_DAYS),
        ("2025-11-24T02:00Z", datetime, NOT_INSTANTS),
        ("7m", timedelta, ("7", "PT7M", "00:07:00", "\u0667m", "7 m", "-7m", "0m")),
    ],
)
def test_a_parameter_of_any_route_is_written_in_one_way(sample: str, kind: type, refused: Sequence[str]) -> None:
    found = 0
    for router in ROUTERS:
        for route in (one for one in router.routes if isinstance(one, APIRoute)):
            for field in get_flat_params(route.dependant):
                if type(field.validate(sample, {}, loc=())[0]) is kind:
                    found += 1
                    for text in refused:
                        assert field.validate(text, {}, loc=())[1], (route.path, field.name, text)
    assert found >= 1


async def test_a_number_in_a_path_names_one_run(api: Api, connection: Connection) -> None:
    [member, *_] = await make_cast(connection)
    assert (await api.get(f"/v1/runs/{member.run_id}")).status == 200
    for text in (one.replace("7", str(member.run_id)).replace("\u0667", "\u0661") for one in NOT_NUMBERS):
        for noun in ("runs", "incidents"):
            assert (await api.get(f"/v1/{noun}/{quote(text)}")).status == 404, text


async def test_what_there_is_not_is_a_404(api: Api) -> None:
    for path in (
        *(f"/v1/integrations/{one}" for one in ("x", "%00", quote("<b>"), "9" * 300)),
        *(f"/v1/{noun}/{one}" for noun in ("runs", "incidents") for one in ("0", "-1", "x", "1.0", "9" * 30)),
        *("/v1/runs/4711", "/v1/incidents/4711", "/v1/health/samples?endpoint=nowhere", "/v1/runs?org=nobody"),
    ):
        assert (await api.get(path)).status == 404, path


async def test_an_instant_is_the_same_in_every_zone(api: Api, connection: Connection) -> None:
    member = await add_member(connection, "A")
    older = await add_run(connection, member.org_id, member.integrations[1], "x", hours_ago=30)
    at = (await api.get(f"/v1/runs/{older}")).content["scheduled_for"]
    assert at.endswith("Z")
    for written in (at, at.replace("Z", "%2B00:00"), at.replace("Z", "-00:00"), at.replace("T", "%20")):
        found = (await api.get(f"/v1/runs?since={written}")).content["items"]
        assert [one["run_id"] for one in found] == [member.run_id, older]
        found = (await api.get(f"/v1/runs?until={written}")).content["items"]
        assert found == []


async def test_no_address_leads_to_the_host_that_a_request_names(api: Api) -> None:
    answer = await api.get("/v1/runs/", headers={"Host": "elsewhere.example"}, allow_redirects=False)
    assert (answer.status, answer.headers.get("Location")) == (404, None)
