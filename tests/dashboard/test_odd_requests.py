"""What no page of the dashboard sends: refused with what is wrong, and never a fault of the server."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest
from aiohttp import FormData
from structlog.testing import capture_logs

from synkron.operations.access.actor import Permission
from synkron.operations.access.sessions import log_in_by_link, make_login_link
from synkron.service.dashboard.actions import ACTIONS
from synkron.service.dashboard.flash import FLASH, Flash, read_flash
from tests.conftest import Connection
from tests.service.api.cast import Member
from tests.support.api import Api, token_of

PAGE = {"Accept": "text/html"}
LONG = "1" * 5000


async def test_an_address(api: Api, connection: Connection, cast: list[Member]) -> None:
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    for path, status in [
        ("/?type=%00", 422),
        ("/?q=%00", 422),
        ("/runs?type=%00", 422),
        ("/o/%00", 404),
        ("/o/x%00", 404),
        ("/integrations/{}?at=9999-12-31T23:59-23:59", 200),
        ("/integrations/{}?at=0001-01-01T00:00%2B23:59", 200),
        (f"/act/retry?run={LONG}", 404),
        (f"/act/acknowledge?incident={LONG}", 404),
        (f"/act/unsilence?silence={LONG}", 404),
        ("/act/retry?run={run}", 200),
        *((f"/act/retry?run={one}", 404) for one in ("0{run}", "%2B{run}", "{run}.0", "%20{run}", "0", str(2**63))),
        ("/?q=007", 200),
        ("/?q=7", 303),
        ("/?q=9223372036854775807", 303),
        ("/?q=9223372036854775808", 200),
        ("/act/pause?integration={}&for=soon", 422),
        ("/act/pause?integration={}&for=0s", 422),
        ("/act/pause?integration={}&form=4h", 422),
        ("/act/pause?integration={}&for=1h&for=4h", 422),
        ("/act/pause?integration={}&integration={}", 200),
        ("/act/resume?integration={}&for=4h", 422),
        ("/act/backfill?integration={}&from=2026-01-05T14:00&to=2026-01-05T16:00", 200),
        ("/act/backfill?integration={}&from=2026-01-05T14:00%2B01:00&to=2026-01-05T16:00", 422),
        ("/act/backfill?integration={}&from=2026-01-05T14:00&to=2026-01-05T16:00Z", 422),
        ("/act/backfill?integration={}&from=1971-12-31T23:59&to=2026-01-05T16:00", 422),
        ("/act/backfill?integration={}&from=2026-01-05T14:00&to=2200-01-01T00:00", 422),
        ("/runs/", 404),
    ]:
        with capture_logs() as lines:
            answer = await operator.get(
                path.replace("{}", cast[0].integrations[0]).format(run=cast[0].run_id),
                headers=PAGE,
                allow_redirects=False,
            )
        assert (answer.status, lines) == (status, []), path


# What each action is done with; * may come several times.
DONE_WITH = {
    "pause": "integration* org type",
    "resume": "integration* org type pause",
    "trigger": "integration",
    "backfill": "integration",
    "retry": "run",
    "cancel": "run",
    "acknowledge": "incident",
    "silence": "incident",
    "try_channel": "channel",
    "unsilence": "silence",
}


async def test_an_action_takes_no_field_that_it_would_not_heed(api: Api, connection: Connection) -> None:
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    names = sorted({name.rstrip("*") for fields in DONE_WITH.values() for name in fields.split()})
    found, expected = {}, {}
    for action, fields in DONE_WITH.items():
        for name in names:
            path = f"/act/{action}?{name}=9"
            told = [(await operator.get(asked, headers=PAGE)).text for asked in (path, f"{path}&{name}=8")]
            found[action, name] = "There is no such parameter." in told[0], "Give it once." in told[1]
            is_known, has_several = name in fields.replace("*", "").split(), f"{name}*" in fields.split()
            expected[action, name] = (not is_known, is_known and not has_several)
    assert found == expected
    assert set(DONE_WITH) == set(ACTIONS)


@pytest.mark.parametrize(
    "path",
    [
        "/?state=&type=&sort=drift",
        "/runs?state=&type=xledger",
        "/night?range=day&on=&org=&type=&integration=",
        "/audit?author=&since=&org=&type=&integration=",
    ],
)
async def test_a_form_with_empty_fields(api: Api, path: str) -> None:
    """A filter that is set back to any sends nothing in its field."""
    assert (await api.get(path, headers=PAGE)).status == 200


async def test_a_pause_whose_length_is_not_one_is_not_made(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    """It would have no end."""
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    before = await connection.fetchval("select count(*) from synkron.pauses")
    for wrong in ([("for", "2 hours")], [("form", "2h")], [("for", "2h"), ("for", "")]):
        fields = FormData([("integration", cast[0].integrations[0]), *wrong, ("reason", "x"), ("back", "/runs")])
        answer = await operator.ask("POST", "/act/pause", data=fields, headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/runs")
        assert await connection.fetchval("select count(*) from synkron.pauses") == before, wrong


@pytest.mark.parametrize("path", ["/login", "/login/link", "/preferences"])
async def test_a_form_that_needs_no_session_has_its_own_fields_alone(api: Api, path: str) -> None:
    own = PAGE | {"Sec-Fetch-Site": "same-origin"}
    known = {"/login": "password", "/login/link": "secret", "/preferences": "theme"}[path]
    for fields, status, said in (
        ([(known, "x")], 303, ""),
        ([(known, "x"), ("banana", "y")], 422, "form.banana: There is no such parameter."),
        ([(known, "x"), (known, "x")], 422, f"form.{known}: Give it once."),
    ):
        answer = await api.with_token(None).ask("POST", path, data=FormData(fields), headers=own, allow_redirects=False)
        assert (answer.status, said in answer.text) == (status, True), fields


async def test_who_has_several_sessions_is_told_so(api: Api, connection: Connection) -> None:
    """Their session has not ended: which of them is meant would be a guess."""
    holds = [
        await log_in_by_link(connection, await make_login_link(connection, name, Permission.READ)) for name in "ab"
    ]
    secrets = [one[1] for one in holds if one is not None]
    for sent, address in (
        ([], "/login?next=%2Fruns"),
        (["synkron_s_" + "a" * 43], "/login?said=over&next=%2Fruns"),
        (secrets, "/login?said=several&next=%2Fruns"),
        ([secrets[0], "synkron_s_" + "a" * 43], None),
    ):
        headers = PAGE | {"Cookie": "; ".join(f"synkron-session={one}" for one in sent)}
        answer = await api.with_token(None).get("/runs", headers=headers, allow_redirects=False)
        assert answer.headers.get("Location") == address
    page = await api.with_token(None).get("/login?said=several", headers=PAGE)
    assert "Several sessions are open in this browser." in page.text


def cookie(content: object) -> str:
    return urlsafe_b64encode((content if isinstance(content, str) else json.dumps(content)).encode()).decode()


async def test_a_message_that_another_host_of_the_domain_has_set(api: Api) -> None:
    for value in [
        "",
        "[",
        "é",
        cookie("[" * 6000),
        cookie("1" * 5000),
        cookie(["\ud800", False]),
        cookie([1, 2]),
        cookie({"a": 1}),
    ]:
        assert read_flash(value) is None, value
        answer = await api.with_token(None).get("/login", headers={"Cookie": f"{FLASH}={quote(value)}"})
        assert answer.status == 200, value


def test_a_message_arrives_as_it_was_sent() -> None:
    for sent in (Flash("Done: <b>æ</b>"), Flash("No.", is_refusal=True)):
        assert read_flash(sent.as_cookie()) == sent


async def test_a_problem_is_shown_among_the_pages_to_who_is_logged_in(
    api: Api, connection: Connection, cast: list[Member]
) -> None:
    found = await log_in_by_link(connection, await make_login_link(connection, "kari", Permission.READ))
    assert found is not None
    people = {"nobody": PAGE, "kari": PAGE | {"Cookie": f"synkron-session={found[1]}"}}
    one = cast[0]
    for path, status, asks in (
        ("/nothing", 404, "GET"),
        ("/runs/4711", 404, "GET"),
        (f"/runs/{LONG}", 404, "GET"),
        (f"/act/pause?integration={one.integrations[0]}", 403, "GET"),
        ("/?state=lost", 422, "GET"),
        ("/runs", 405, "POST"),
        ("/act/pause", 403, "POST"),
    ):
        for name, headers in people.items():
            answer = await api.with_token(None).ask(asks, path, headers=headers, allow_redirects=False)
            is_known = name == "kari"
            assert answer.status == status or (not is_known and answer.status == 303), (path, name)
            if answer.status != 303:
                assert ('href="/timeline"' in answer.text, ">kari<" in answer.text) == (is_known, is_known), (
                    path,
                    name,
                )


async def test_an_empty_id_is_of_no_integration(api: Api, connection: Connection, cast: list[Member]) -> None:
    tied = api.with_token(await token_of(connection, Permission.OPERATE, cast[0].org_id))
    pauses = "select count(*) from synkron.pauses"
    before = await connection.fetchval(pauses)
    moments = "&from=2026-01-05T14:00&to=2026-01-05T16:00"
    for asked in ("pause", "resume", "trigger", f"backfill?{moments}"):
        name, _, more = asked.partition("?")
        answer = await tied.get(f"/act/{name}?integration={more}", headers=PAGE)
        assert (answer.status, "There is no " in answer.text) == (404, True), asked
    fields = {"integration": "", "reason": "x", "back": "/pauses"}
    answer = await tied.ask("POST", "/act/pause", data=fields, headers=PAGE, allow_redirects=False)
    assert (answer.status, await connection.fetchval(pauses)) == (303, before)


async def test_a_problem_s_page_has_the_problem_s_headers(api: Api) -> None:
    for path, headers, size, status, name, value in (
        ("/runs", {}, 0, 405, "Allow", "GET, HEAD"),
        ("/act/pause", {}, 70_000, 413, "Connection", "close"),
        ("/act/pause", {"Content-Encoding": "br"}, 0, 415, "Connection", "close"),
    ):
        answer = await api.ask("POST", path, headers=PAGE | headers, data=b"x" * size)
        assert (answer.status, answer.headers.get(name)) == (status, value), path
        assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.usefixtures("cast")
async def test_behind_the_last_row_there_is_nothing_more(api: Api) -> None:
    """A list that has rows is never said to have none."""
    for path, of in (("incidents", "incidents"), ("pauses", "pauses"), ("runs", "runs"), ("audit", "audit")):
        place = urlsafe_b64encode(json.dumps([of, "1980-01-01T00:00:00Z", 1]).encode()).rstrip(b"=").decode()
        answer = await api.get(f"/{path}?after={place}", headers=PAGE)
        assert "There is nothing more in this list." in answer.text, path
        assert f'<a href="/{path}">Back to the first page</a>' in answer.text, path
