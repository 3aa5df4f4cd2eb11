"""Logins, the cookie, and whose requests may change something."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs

from synkron.errors import NotAtHome
from synkron.operations.access.actor import Permission
from synkron.operations.access.people import AskedPerson, add_person, disable_person, permit_person
from synkron.operations.access.secret import SecretKind, new_secret
from synkron.operations.access.sessions import MOST_FROM_ADDRESS, log_in_by_link, make_login_link
from synkron.operations.audit import entries
from synkron.service.api import application
from synkron.service.api.access import ASKED, Admin, Operator, Reader
from synkron.service.api.cookies import form_token
from synkron.service.api.problem import problem_of
from synkron.settings.api import ApiSettings
from synkron.settings.load import Settings
from tests.conftest import Connection
from tests.support.actors import actor_of
from tests.support.api import SETTINGS, Answer, Api, serving, token_of
from tests.support.databases import Database

PASSWORD = "fjell vidde elv 7"
HTTPS = Settings(listen="127.0.0.1:0", api=ApiSettings(address="https://synkron.example.com"))
BEHIND_PROXY = Settings(listen="127.0.0.1:0", api=ApiSettings(behind_proxy=True))
OWN = {"Sec-Fetch-Site": "same-origin"}

router = APIRouter()


@router.get("/v1/test")
async def look(actor: Reader) -> str:
    return actor.name


@router.post("/v1/test")
async def change(actor: Operator) -> str:
    return actor.name


@router.post("/v1/test/admin")
async def administer(actor: Admin) -> str:
    return actor.name


@pytest.fixture(autouse=True, scope="module")
def routes() -> Iterator[None]:
    """Routes that only tell who asks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(application, "GROUPS", (*application.GROUPS, ([router], ASKED)))
        application.api.cache_clear()
        yield
    application.api.cache_clear()


@pytest.fixture
async def kari(connection: Connection) -> str:
    """A person who may operate."""
    await add_person(connection, SETTINGS, AskedPerson("kari", Permission.OPERATE), PASSWORD, "ola")
    return "kari"


@pytest.fixture
async def there(database: Database) -> AsyncIterator[Api]:
    """A browser, on HTTP and loopback."""
    async with serving(database) as api:
        yield api


async def submit(api: Api, path: str, fields: dict[str, str], *, headers: dict[str, str] = OWN) -> Answer:
    """Send a form."""
    return await api.ask("POST", path, data=fields, headers=headers, allow_redirects=False)


async def enter(api: Api, password: str = PASSWORD, **fields: str) -> Answer:
    return await submit(api, "/login", {"name": "kari", "password": password, **fields})


def cookie_of(answer: Answer) -> Any:
    """The cookie that an answer sets."""
    [(_, found)] = SimpleCookie(answer.headers["Set-Cookie"]).items()
    return found


def with_cookie(answer: Answer, headers: dict[str, str] = OWN) -> dict[str, str]:
    found = cookie_of(answer)
    return {"Cookie": f"{found.key}={found.value}", **headers}


class TestPassword:
    @pytest.mark.usefixtures("kari")
    async def test_a_session_begins(self, there: Api, connection: Connection) -> None:
        answer = await enter(there)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = cookie_of(answer)
        assert cookie.key == "synkron-session"
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (
            True,
            "lax",
            "/",
            "43200",
        )
        assert (cookie["secure"], cookie["domain"]) == ("", "")
        assert (await actor_of(connection, cookie.value)) is not None
        assert (await there.get("/v1/test", headers=with_cookie(answer))).content == "person:kari"

    @pytest.mark.usefixtures("kari")
    async def test_over_tls_the_cookie_goes_nowhere_else(self, database: Database) -> None:
        async with serving(database, HTTPS) as api:
            answer = await enter(api)
            cookie = cookie_of(answer)
            assert cookie.key == "__Host-synkron-session"
            assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
            assert (await api.get("/v1/test", headers=with_cookie(answer))).status == 200
            planted = {"Cookie": f"synkron-session={cookie.value}"}
            assert (await api.get("/v1/test", headers=planted)).status == 401

    @pytest.mark.usefixtures("kari")
    async def test_many_at_once_leave_connections_to_others(
        self, there: Api, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pool has three, and each password takes for ever."""
        token, begun, ended = await token_of(connection), asyncio.Event(), asyncio.Event()

        async def check(*_: object) -> bool:
            begun.set()
            await ended.wait()
            return False

        monkeypatch.setattr("synkron.operations.access.sessions.is_password", check)
        logins = [asyncio.create_task(enter(there)) for _ in range(6)]
        async with asyncio.timeout(60):
            await begun.wait()
            assert (await there.with_token(token).get("/v1/runs")).status == 200
            ended.set()
            assert {one.status for one in await asyncio.gather(*logins)} == {303}

    @pytest.mark.usefixtures("kari")
    async def test_what_is_wrong_leads_back(self, there: Api) -> None:
        answer = await enter(there, "wrong", next="/runs?state=failed")
        assert (answer.status, answer.headers["Location"]) == (303, "/login?said=wrong&next=%2Fruns%3Fstate%3Dfailed")
        assert "Set-Cookie" not in answer.headers
        assert answer.content == ""

    @pytest.mark.parametrize(
        ("asked", "leads_to"),
        [
            ("/runs?state=failed&a=b", "/runs?state=failed&a=b"),
            ("", "/"),
            ("//evil.example.com", "/"),
            ("/\\evil.example.com", "/"),
            ("/x\\..\\evil", "/"),
            ("https://evil.example.com", "/"),
            ("javascript:alert(1)", "/"),
            ("/runs\r\nSet-Cookie: a=b", "/"),
            ("/æ", "/"),
            ("/" + "x" * 3000, "/"),
        ],
    )
    @pytest.mark.usefixtures("kari")
    async def test_it_leads_to_pages_of_its_own_alone(self, there: Api, asked: str, leads_to: str) -> None:
        assert (await enter(there, next=asked)).headers["Location"] == leads_to

    @pytest.mark.usefixtures("kari")
    async def test_a_session_from_before_ends(self, there: Api, connection: Connection) -> None:
        before = await enter(there)
        fields = {"name": "kari", "password": PASSWORD}
        after = await submit(there, "/login", fields, headers=with_cookie(before))
        assert await actor_of(connection, cookie_of(before).value) is None
        assert await actor_of(connection, cookie_of(after).value) is not None

    @pytest.mark.parametrize(
        ("settings", "headers", "address"),
        [
            (SETTINGS, {"X-Forwarded-For": "203.0.113.9"}, "127.0.0.1"),
            (BEHIND_PROXY, {"X-Forwarded-For": "203.0.113.9"}, "203.0.113.9"),
            (BEHIND_PROXY, {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}, "203.0.113.9"),
            (BEHIND_PROXY, {}, "127.0.0.1"),
        ],
    )
    async def test_whose_attempts_are_counted(
        self, database: Database, connection: Connection, settings: Settings, headers: dict[str, str], address: str
    ) -> None:
        async with serving(database, settings) as api:
            await submit(api, "/login", {"name": "per", "password": "x"}, headers=OWN | headers)
        assert await connection.fetchval("select address from synkron.login_attempts") == address

    @pytest.mark.usefixtures("kari")
    async def test_too_many_attempts_look_like_wrong_ones(self, there: Api, connection: Connection) -> None:
        wrong = await enter(there, "wrong")
        await connection.execute(
            "insert into synkron.login_attempts (name_hash, address) "
            "select sha256(n::text::bytea), address from synkron.login_attempts, generate_series(1, $1::int) n",
            MOST_FROM_ADDRESS,
        )
        limited = await enter(there)
        assert (limited.status, limited.content) == (wrong.status, wrong.content)
        assert limited.headers["Location"] == wrong.headers["Location"]

    async def test_what_is_no_form(self, there: Api) -> None:
        for body, kind, status in [
            (b'{"name": "kari"}', "application/json", 303),
            (b"name=%ff&password=x", "application/x-www-form-urlencoded", 400),
            (b"name=\xff&password=x", "application/x-www-form-urlencoded", 400),
            (b"&".join([b"a=b"] * 101), "application/x-www-form-urlencoded", 400),
            (b"name=k%00&password=%00", "application/x-www-form-urlencoded", 303),
            (b"", "application/x-www-form-urlencoded", 303),
            (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
            (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 303),
        ]:
            answer = await there.ask(
                "POST", "/login", data=body, headers=OWN | {"Content-Type": kind}, allow_redirects=False
            )
            assert answer.status == status, body
            assert answer.headers.get("Location", "/login?said=wrong") == "/login?said=wrong", body


class TestLink:
    async def test_it_logs_in_once(self, there: Api, connection: Connection) -> None:
        secret = await make_login_link(connection, "kari@ops-1", Permission.ADMIN)
        answer = await submit(there, "/login/link", {"secret": secret})
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert (await there.get("/v1/test", headers=with_cookie(answer))).content == "person:kari@ops-1"
        again = await submit(there, "/login/link", {"secret": secret})
        assert (again.status, again.headers["Location"]) == (303, "/login?said=used")
        assert "Set-Cookie" not in again.headers

    async def test_a_program_that_opens_it_does_not_use_it(self, there: Api, connection: Connection) -> None:
        secret = await make_login_link(connection, "kari@ops-1", Permission.ADMIN)
        for method in ("GET", "HEAD"):
            await there.ask(method, f"/login/{secret}", allow_redirects=False)
        assert (await submit(there, "/login/link", {"secret": secret})).headers["Location"] == "/"

    @pytest.mark.parametrize("secret", ["", "x", "synkron_l_x", "\0", "synkron_t_" + "a" * 43])
    async def test_what_is_none(self, there: Api, secret: str) -> None:
        answer = await submit(there, "/login/link", {"secret": secret})
        assert (answer.status, answer.headers["Location"]) == (303, "/login?said=used")
        assert "Set-Cookie" not in answer.headers


class TestOtherSites:
    """What a page of another site makes a browser send."""

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin"}, 303),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Sec-Fetch-Site": ""}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, 403),
            ({"Origin": "OWN"}, 303),
            ({"Origin": "https://evil.example.com"}, 403),
            ({"Origin": "null"}, 403),
            ({}, 403),
        ],
    )
    @pytest.mark.usefixtures("kari")
    async def test_only_its_own_pages_log_in_and_out(self, there: Api, headers: dict[str, str], status: int) -> None:
        sent = {name: value.replace("OWN", there.url) for name, value in headers.items()}
        fields = {"name": "kari", "password": PASSWORD}
        assert (await submit(there, "/login", fields, headers=sent)).status == status
        inside = await enter(there)
        fields = {"form_token": form_token(cookie_of(inside).value)}
        assert (await submit(there, "/logout", fields, headers=with_cookie(inside, sent))).status == status

    @pytest.mark.parametrize("own", ["https://synkron.example.com", "http://127.0.0.1"])
    @pytest.mark.usefixtures("kari")
    async def test_behind_a_proxy_its_origin_is_that_of_the_settings(self, database: Database, own: str) -> None:
        async with serving(database, HTTPS) as api:
            fields = {"name": "kari", "password": PASSWORD}
            answer = await submit(api, "/login", fields, headers={"Origin": own})
            assert answer.status == (303 if own == HTTPS.api.address else 403)

    @pytest.mark.usefixtures("kari")
    async def test_a_change_needs_the_session_s_form_token(self, there: Api) -> None:
        inside, other = await enter(there), await enter(there)
        token = form_token(cookie_of(inside).value)
        headers = with_cookie(inside)

        async def status(fields: dict[str, str], **more: str) -> int:
            named = {name.replace("_", "-"): value for name, value in more.items()}
            return (await submit(there, "/v1/test", fields, headers=headers | named)).status

        assert await status({"form_token": token}) == 200
        assert await status({}, x_form_token=token) == 200
        assert await status({"form_token": token}, Sec_Fetch_Site="cross-site") == 403
        for wrong in ("", token[:-1], token.upper(), form_token(cookie_of(other).value), "æ"):
            assert await status({"form_token": wrong}) == 403
        assert await status({}) == 403
        assert await status({"form_token": token}, Content_Type="application/json") == 403

    async def test_a_token_of_a_program_needs_none_of_it(self, there: Api, connection: Connection) -> None:
        program = there.with_token(await token_of(connection, Permission.OPERATE))
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}):
            assert (await program.post("/v1/test", headers=headers)).content == "token:operate-all"


class TestWhoMay:
    @pytest.mark.parametrize(
        ("permission", "statuses"),
        [
            (Permission.READ, [200, 403, 403]),
            (Permission.OPERATE, [200, 200, 403]),
            (Permission.ADMIN, [200, 200, 200]),
        ],
    )
    async def test_each_permission_has_those_below_it(
        self, there: Api, connection: Connection, permission: Permission, statuses: list[int]
    ) -> None:
        program = there.with_token(await token_of(connection, permission))
        found = [await program.get("/v1/test"), await program.post("/v1/test"), await program.post("/v1/test/admin")]
        assert [one.status for one in found] == statuses

    @pytest.mark.usefixtures("kari")
    async def test_what_changed_counts_at_the_next_request(self, there: Api, connection: Connection) -> None:
        inside = await enter(there)
        headers = with_cookie(inside) | {"X-Form-Token": form_token(cookie_of(inside).value)}
        assert (await there.post("/v1/test", headers=headers)).status == 200
        await permit_person(connection, SETTINGS, AskedPerson("kari", Permission.READ), "ola")
        assert (await there.post("/v1/test", headers=headers)).status == 403
        await disable_person(connection, "kari", "ola")
        assert (await there.get("/v1/test", headers=headers)).status == 401

    async def test_nobody_is_let_in_for_asking_from_this_host(self, there: Api) -> None:
        for headers in [
            {},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer synkron_t_" + "a" * 43},
            {"Authorization": "Basic a2FyaTp4"},
            {"Cookie": "synkron-session=synkron_s_" + "a" * 43},
            {"Cookie": "synkron-session="},
            {"Cookie": "synkron-session=" + quote("\0\ud800", errors="surrogatepass")},
            {"Host": "localhost"},
            {"X-Forwarded-For": "127.0.0.1"},
        ]:
            for answer in (await there.get("/v1/test", headers=headers), await there.post("/v1/test", headers=headers)):
                assert answer.status == 401, headers
                assert answer.headers["WWW-Authenticate"] == "Bearer", headers

    @pytest.mark.usefixtures("kari")
    async def test_a_session_is_no_token_and_a_token_no_session(self, there: Api, connection: Connection) -> None:
        session, token = cookie_of(await enter(there)).value, await token_of(connection)
        assert (await there.with_token(session).get("/v1/test")).status == 401
        assert (await there.get("/v1/test", headers={"Cookie": f"synkron-session={token}"})).status == 401

    @pytest.mark.usefixtures("kari")
    async def test_a_cookie_of_the_same_name_from_elsewhere_changes_nobody(
        self, there: Api, connection: Connection
    ) -> None:
        """Another host of the domain may set one: without TLS, no name protects from that."""
        own = cookie_of(await enter(there)).value
        found = await log_in_by_link(connection, await make_login_link(connection, "mallory", Permission.READ))
        assert found is not None
        for other, content in {
            "x": "person:kari",
            new_secret(SecretKind.SESSION): "person:kari",
            found[1]: None,
        }.items():
            for sent in ((own, other), (other, own)):
                cookies = "; ".join(f"synkron-session={one}" for one in sent)
                answer = await there.get("/v1/test", headers=OWN | {"Cookie": cookies})
                assert answer.content == content or (content is None and answer.status == 401), sent

    @pytest.mark.usefixtures("kari")
    async def test_a_token_that_holds_no_more_is_not_made_good_by_a_cookie(self, there: Api) -> None:
        headers = with_cookie(await enter(there))
        assert (await there.with_token("synkron_t_" + "a" * 43).get("/v1/test", headers=headers)).status == 401


class TestLogout:
    @pytest.mark.usefixtures("kari")
    async def test_the_session_ends(self, there: Api, connection: Connection) -> None:
        inside = await enter(there)
        fields = {"form_token": form_token(cookie_of(inside).value)}
        answer = await submit(there, "/logout", fields, headers=with_cookie(inside))
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
        assert (cookie_of(answer).value, cookie_of(answer)["max-age"]) == ("", "0")
        assert (await there.get("/v1/test", headers=with_cookie(inside))).status == 401
        assert [one.action for one in await entries(connection)][:2] == ["log out", "log in"]

    async def test_who_is_not_logged_in_is_led_to_the_login(self, there: Api) -> None:
        assert (await submit(there, "/logout", {})).headers["Location"] == "/login"

    async def test_without_a_provider_there_is_no_login_with_one(self, there: Api) -> None:
        for path in ("/login/oidc", "/login/callback"):
            assert (await there.get(path)).status == 404


@pytest.mark.parametrize("error", [TimeoutError(), KeyError("x"), NotAtHome("a copy")])
def test_no_log_line_shows_a_link(error: Exception) -> None:
    secret = new_secret(SecretKind.LINK)
    with capture_logs() as lines:
        problem_of(error, f"/login/{secret}")
    assert lines[0]["path"] == "/login/synkron_l_..."
    assert secret not in str(lines)


def test_a_form_token_tells_nothing_of_its_session() -> None:
    token = form_token("synkron_s_" + "a" * 43)
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert token != form_token("synkron_s_" + "b" * 43)
