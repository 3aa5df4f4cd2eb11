"""What pages are asked with by hand: unknown text is refused with what is known, and none reaches the database."""

from __future__ import annotations

import re

from synkron.operations.access import sessions
from synkron.operations.access.actor import Permission
from synkron.service.overview.refresh import refresh
from tests.conftest import Connection
from tests.service.api.cast import Member, add_member
from tests.support.api import SETTINGS, Api, token_of
from tests.support.fleet import add_integration

PAGE = {"Accept": "text/html"}
OF_TYPES = ("/", "/runs", "/drift", "/heat", "/timeline")


async def test_a_null_character_is_no_fault_of_the_database(api: Api) -> None:
    for path in [
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
    ]:
        assert (await api.get(path)).status in (404, 409, 422), path


async def test_no_filter_that_is_unknown_is_left_out(api: Api, connection: Connection) -> None:
    for letter in "AB":
        await add_member(connection, letter)
    for path, status, said in [
        ("/audit?org=nobody", 404, "There is no organization"),
        ("/audit?type=xledgr", 404, "There is no integration type"),
        ("/audit?integration=0000", 404, "There is no integration"),
        ("/audit?org=Member", 422, "fits several organizations"),
        ("/audit?since=5d", 422, "24h"),
    ]:
        answer = await api.get(path)
        assert (answer.status, said in answer.text) == (status, True), answer.text


async def test_what_can_t_be_asked_for_is_refused_on_a_page(api: Api, connection: Connection) -> None:
    admin = api.with_token(await token_of(connection, Permission.ADMIN))
    for path, status in {
        "/nothing": 404,
        "/runs/4711": 404,
        "/integrations/4711": 404,
        "/incidents/4711": 404,
        "/o/4711": 404,
        "/act/dance": 404,
        "/?state=lost": 422,
        "/?after=x": 422,
        "/act/pause": 422,
        "/night?range=year": 422,
        "/night?on=yesterday&range=day": 422,
        "/timeline?range=1y": 422,
        "/drift?range=x": 422,
        "/audit?after=x": 422,
        "/lab?expression=" + "x" * 1001: 422,
        "/drift?type=%00": 422,
        "/heat?zone=%00": 422,
    }.items():
        answer = await admin.get(path, headers=PAGE)
        assert (answer.status, answer.text.count("<h1>")) == (status, 1), path


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
        assert [f"/integrations/{one.integrations[0]}" in text for one in members] == shown, query


async def test_a_type_is_one_that_is_known_or_the_page_says_which_are(api: Api, connection: Connection) -> None:
    await add_integration(connection, "0 3 1 1 *", "fiken")
    for path in OF_TYPES:
        for text, status in (("", 200), ("xledger", 200), ("XLEDG", 200), ("fiken", 200), ("xledgr", 404)):
            answer = await api.get(f"{path}?type={text}", headers=PAGE)
            assert answer.status == status, (path, text)
            if status == 404:
                assert "Known are bufdir, dynamics, fiken, xledger." in answer.text.replace("&#34;", '"'), path
            elif text:
                chosen = 'value="fiken" selected' if text == "fiken" else 'value="xledger" selected'
                assert chosen in answer.text, (path, text)


async def test_a_filter_offers_the_types_of_the_rows_too(api: Api, connection: Connection, cast: list[Member]) -> None:
    await add_integration(connection, "0 3 1 1 *", "fiken", org_id=cast[1].org_id)
    await refresh(connection, SETTINGS)
    for path in (*OF_TYPES, "/audit"):
        assert '<option value="fiken">' in (await api.get(path, headers=PAGE)).text, path
    tied = api.with_token(await token_of(connection, Permission.READ, cast[0].org_id))
    assert "fiken" not in (await tied.get("/runs", headers=PAGE)).text


async def test_who_is_tied_learns_of_no_type_of_others(api: Api, connection: Connection, cast: list[Member]) -> None:
    await add_integration(connection, "0 3 1 1 *", "fiken", org_id=cast[1].org_id)
    tied = api.with_token(await token_of(connection, Permission.READ, cast[0].org_id))
    other = api.with_token(await token_of(connection, Permission.READ, cast[1].org_id))
    for path in ("/runs", "/v1/runs"):
        for text in ("fike", "fiken"):
            answer = await tied.get(f"{path}?type={text}", headers=PAGE)
            said = answer.text.replace("&#34;", '"').replace('\\"', '"')
            assert (answer.status, f'no integration type "{text}".' in said, "Known" in said) == (404, True, False)
        assert (await tied.get(f"{path}?type=bufdir", headers=PAGE)).status == 200
        assert (await other.get(f"{path}?type=fiken", headers=PAGE)).status == 200


async def test_who_is_tied_sees_no_silence_of_others(api: Api, connection: Connection, cast: list[Member]) -> None:
    await connection.execute(
        "insert into synkron.silences (integration_type, reason, author, starts_at, until) "
        "values ('xledger', 'secret of staff', 'ola', now(), now() + interval '1 day')"
    )
    tied = api.with_token(await token_of(connection, Permission.READ, cast[0].org_id))
    reasons = ("secret of staff", *(f"secret of {one.name[:9]}" for one in cast))
    for who, seen in ((api, [True] * 4), (tied, [False, True, False, False])):
        text = (await who.get("/incidents", headers=PAGE)).text
        assert [reason in text for reason in reasons] == seen


async def test_a_parameter_is_one_that_the_page_has(api: Api, cast: list[Member]) -> None:
    one = cast[0]
    for path, said in {
        "/drift?typ=xledger": "Did you mean type?",
        "/audit?since=banana": "&#39;24h&#39;, &#39;7d&#39; or &#39;30d&#39;",
        "/?banana=1": "Known are after, q, sort, state, type.",
        f"/runs/{one.run_id}?banana=1": "Known are none.",
        "/setup?state=x": "query.state: There is no such parameter.",
        "/drift?type=xledger&type=bufdir": "query.type: Give it once.",
        "/live?topic=runs": "Did you mean topics?",
    }.items():
        answer = await api.get(path, headers=PAGE)
        assert (answer.status, said in answer.text) == (422, True), (path, answer.text)


async def test_a_parameter_that_is_mistyped_is_told_to_who_is_logged_in_on_their_page(
    api: Api, connection: Connection
) -> None:
    found = await sessions.log_in_by_oidc(connection, "kari", Permission.READ, None)
    assert found is not None
    headers = PAGE | {"Cookie": f"synkron-session={found[1]}"}
    stranger = api.with_token(None)
    answer = await stranger.get("/setup?state=x", headers=headers)
    assert (answer.status, 'href="/incidents"' in answer.text) == (422, True), answer.text
    for path in ("/setup?state=x", "/?type=%00", "/runs/1?banana=1"):
        answer = await stranger.get(path, headers=PAGE, allow_redirects=False)
        assert (answer.status, answer.headers.get("Location", "").partition("?")[0]) == (303, "/login"), path


async def test_before_the_first_copy_nothing_is_said_to_be_none(api: Api, connection: Connection) -> None:
    await add_integration(connection, "0 3 * * *", "xledger")
    await connection.execute("select pg_advisory_lock(hashtext('synkron.overview'))")
    for path in ("/", "/heat", "/timeline"):
        assert "being read for the first time" in (await api.get(path, headers=PAGE)).text, path


async def test_what_a_change_was_about_leads_to_its_page(api: Api, connection: Connection) -> None:
    member = await add_member(connection, "A")
    for subject, where in (
        ("run 7", ["/runs/7", f"/o/{member.org_id}", f"/integrations/{member.integrations[0]}"]),
        ("incident 5", ["/incidents/5", f"/o/{member.org_id}", f"/integrations/{member.integrations[0]}"]),
        ("person kari", [f"/o/{member.org_id}", f"/integrations/{member.integrations[0]}"]),
        ("integration 1", [f"/o/{member.org_id}", f"/integrations/{member.integrations[0]}"]),
    ):
        await connection.execute("truncate synkron.audit")
        await connection.execute(
            "insert into synkron.audit (author, action, subject, org_id, integration_type, integration_id) "
            "values ('kari', 'x', $1, $2, 'xledger', $3)",
            subject,
            member.org_id,
            member.integrations[0],
        )
        [row] = re.findall("<tr data-row=.*?</tr>", (await api.get("/audit")).text, re.DOTALL)
        assert [one for one in re.findall('href="(.*?)"', row) if "author=" not in one] == where
