"""Logins with a real OpenID provider, and with one whose answers are altered on their way."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import KeySet, OctKey, RSAKey
from pydantic import SecretStr
from structlog.testing import capture_logs

from synkron.operations.access.actor import Actor, Permission
from synkron.operations.access.people import AskedPerson, add_person, disable_person
from synkron.service.api.provider import ALGORITHMS, KEYS_KNOWN_FOR, Provider, open_provider
from synkron.settings.api import GrantSettings, OidcSettings
from tests.conftest import Connection
from tests.support.actors import actor_of
from tests.support.api import SETTINGS, Answer, Api, serving
from tests.support.databases import Database
from tests.support.deno import needs_npm
from tests.support.identity import (
    CLIENT,
    RETURNS_TO,
    SECRET,
    Identity,
    claims_of,
    identity_at,
    log_in_at,
    provider_process,
)

pytestmark = needs_npm
MINUTE = 60


@dataclass
class Login:
    """Synkron, the provider, and one browser."""

    api: Api
    identity: Identity
    provider: Provider
    browser: str = ""

    async def begin(self, query: str = "") -> str:
        """Where the browser is sent."""
        answer = await self.api.get(f"/login/oidc{query}", allow_redirects=False)
        assert answer.status == 303
        [(_, cookie)] = SimpleCookie(answer.headers["Set-Cookie"]).items()
        assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "lax", "600")
        self.browser = f"{cookie.key}={cookie.value}"
        return answer.headers["Location"]

    async def end(self, address: str, browser: str | None = None) -> Answer:
        """What the browser gets that comes back."""
        headers = {"Cookie": self.browser if browser is None else browser, "Sec-Fetch-Site": "cross-site"}
        query = address.removeprefix(RETURNS_TO)
        return await self.api.get(f"/login/callback{query}", headers=headers, allow_redirects=False)

    async def whole(self, name: str = "kari") -> Answer:
        """A login from its beginning to its end."""
        return await self.end(await log_in_at(await self.begin(), name))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, KeySet]]:
    with provider_process(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
async def identity(process: tuple[str, KeySet]) -> AsyncIterator[Identity]:
    async with identity_at(*process) as there:
        yield there


@pytest.fixture
async def login(database: Database, identity: Identity) -> AsyncIterator[Login]:
    settings = OidcSettings(
        issuer=identity.issuer,
        client_id=CLIENT,
        client_secret="env:OIDC_SECRET",
        permissions={"synkron-operators": GrantSettings(permission="operate")},
    )
    address = RETURNS_TO.removesuffix("/login/callback")
    async with (
        open_provider(settings, SecretStr(SECRET), address) as provider,
        serving(database, SETTINGS, provider=provider) as api,
    ):
        yield Login(api, identity, provider)


def session_in(answer: Answer) -> str | None:
    """The session that an answer gives."""
    found = SimpleCookie()
    for one in answer.headers.getall("Set-Cookie", []):  # type: ignore[attr-defined]
        found.load(one)
    return found["synkron-session"].value if "synkron-session" in found else None


def refused(answer: Answer, said: str = "provider") -> bool:
    """Whether nobody was let in."""
    return (answer.status, answer.headers["Location"], session_in(answer)) == (303, f"/login?said={said}", None)


async def test_whom_a_group_permits_comes_in(login: Login, connection: Connection) -> None:
    answer = await login.whole()
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    session = session_in(answer)
    assert session is not None
    expected = Actor("person:kari@example.com", Permission.OPERATE)
    assert await actor_of(connection, session) == expected


@pytest.mark.parametrize(
    ("asked", "leads_to"), [("/runs%3Fstate=failed", "/runs?state=failed"), ("//evil.example.com", "/"), ("%00", "/")]
)
async def test_it_leads_to_the_page_that_was_wanted(login: Login, asked: str, leads_to: str) -> None:
    answer = await login.end(await log_in_at(await login.begin(f"?next={asked}"), "kari"))
    assert (answer.status, answer.headers["Location"]) == (303, leads_to)


async def test_what_is_asked_of_the_provider(login: Login) -> None:
    asked = parse_qs(urlsplit(await login.begin()).query)
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [RETURNS_TO],
        "scope": ["openid email profile"],
    }
    assert asked["code_challenge_method"] == ["S256"]
    again = parse_qs(urlsplit(await login.begin()).query)
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    assert login.identity.asked == ["/.well-known/openid-configuration"], "it is asked once for both"


@pytest.mark.parametrize(("name", "said"), [("ola", "is in no group"), ("liv", "has not verified")])
async def test_whom_nothing_permits_stays_out(login: Login, connection: Connection, name: str, said: str) -> None:
    with capture_logs() as lines:
        assert refused(await login.whole(name))
    assert said in str(lines)
    assert await connection.fetchval("select count(*) from synkron.people") == 0


async def test_who_is_disabled_here_stays_out(login: Login, connection: Connection) -> None:
    assert session_in(await login.whole()) is not None
    await disable_person(connection, "kari@example.com", "ola")
    assert refused(await login.whole())


async def test_nobody_comes_in_as_somebody_who_has_a_password(login: Login, connection: Connection) -> None:
    asked = AskedPerson("kari@example.com", Permission.ADMIN)
    await add_person(connection, SETTINGS, asked, "fjell vidde elv 7", "ola")
    assert refused(await login.whole())


class TestTampered:
    """What an attacker sends in place of what the provider says."""

    async def test_the_state(self, login: Login) -> None:
        back = await log_in_at(await login.begin(), "kari")
        state = parse_qs(urlsplit(back).query)["state"][0]
        for other in ("", "x", state[:-1] + ("A" if state[-1] != "A" else "B")):
            assert refused(await login.end(back.replace(state, other)))
        assert session_in(await login.end(back)) is not None

    async def test_another_browser(self, login: Login) -> None:
        """An attacker's link would log somebody in as the attacker."""
        back = await log_in_at(await login.begin(), "kari")
        mine = login.browser
        await login.begin()
        assert refused(await login.end(back, login.browser))
        assert refused(await login.end(back, mine)), "the attempt has ended it"

    async def test_no_browser(self, login: Login) -> None:
        back = await log_in_at(await login.begin(), "kari")
        assert refused(await login.end(back, ""))

    async def test_the_same_answer_again(self, login: Login) -> None:
        back = await log_in_at(await login.begin(), "kari")
        assert session_in(await login.end(back)) is not None
        assert refused(await login.end(back))

    async def test_a_code_that_was_used(self, login: Login) -> None:
        back = await log_in_at(await login.begin(), "kari")
        assert session_in(await login.end(back)) is not None
        code = parse_qs(urlsplit(back).query)["code"][0]
        state = parse_qs(urlsplit(await login.begin()).query)["state"][0]
        assert refused(await login.end(f"{RETURNS_TO}?code={code}&state={state}&iss={login.identity.issuer}"))

    async def test_a_code_of_another_login(self, login: Login) -> None:
        """Its verifier (PKCE) is another."""
        stolen = parse_qs(urlsplit(await log_in_at(await login.begin(), "kari")).query)["code"][0]
        state = parse_qs(urlsplit(await login.begin()).query)["state"][0]
        assert refused(await login.end(f"{RETURNS_TO}?code={stolen}&state={state}&iss={login.identity.issuer}"))

    async def test_ten_minutes_later(self, login: Login, connection: Connection) -> None:
        back = await log_in_at(await login.begin(), "kari")
        await connection.execute("update synkron.provider_logins set expires_at = now()")
        assert refused(await login.end(back))

    @pytest.mark.parametrize("iss", ["https://evil.example.com", ""])
    async def test_another_provider_s_answer(self, login: Login, iss: str) -> None:
        back = await log_in_at(await login.begin(), "kari")
        given = parse_qs(urlsplit(back).query)
        other = f"&iss={iss}" if iss else ""
        assert refused(await login.end(f"{RETURNS_TO}?code={given['code'][0]}&state={given['state'][0]}{other}"))

    async def test_an_error(self, login: Login) -> None:
        for error in ("access_denied", "<script>alert(1)</script>", ""):
            state = parse_qs(urlsplit(await login.begin()).query)["state"][0]
            with capture_logs() as lines:
                assert refused(await login.end(f"{RETURNS_TO}?error={error}&state={state}&iss={login.identity.issuer}"))
            assert "script" not in str(lines)

    @pytest.mark.parametrize(
        ("claim", "value"),
        [
            ("nonce", "another"),
            ("nonce", None),
            ("aud", "another-client"),
            ("aud", ["another-client", "a-third"]),
            ("aud", None),
            ("iss", "https://evil.example.com"),
            ("iss", None),
            ("sub", None),
            ("exp", None),
            ("exp", "soon"),
            ("exp", float("inf")),
            ("iat", None),
            ("azp", "another-client"),
            ("nbf", 2**40),
            ("iat", 2**40),
        ],
    )
    async def test_a_claim(self, login: Login, claim: str, value: Any) -> None:
        """The provider's own key signs it: as for another client, an older login, or somebody else's tenant."""
        login.identity.alter_claims(**{claim: value})
        with capture_logs() as lines:
            assert refused(await login.whole())
        assert "ID token" in str(lines)

    async def test_a_token_of_another_client_that_names_this_one(self, login: Login) -> None:
        login.identity.alter_claims(aud="another-client", azp=CLIENT)
        assert refused(await login.whole())

    async def test_an_expired_token(self, login: Login, connection: Connection) -> None:
        now = int((await connection.fetchval("select now()")).timestamp())
        login.identity.alter_claims(iat=now - 20 * MINUTE, exp=now - 3 * MINUTE)
        assert refused(await login.whole())
        login.identity.alter_claims(iat=now - 20 * MINUTE, exp=now - MINUTE)
        assert session_in(await login.whole()) is not None, "clocks may differ by two minutes"

    @pytest.mark.parametrize(
        "forgery", ["none", "None", "another key", "the secret", "the public key", "a claim", "no signature", "its key"]
    )
    async def test_the_signature(self, login: Login, forgery: str) -> None:
        identity = login.identity

        def forged(token: str) -> str:
            header, payload, signature = token.split(".")
            claims = claims_of(token) | {"groups": ["synkron-operators"]}
            other = RSAKey.generate_key(2048)
            match forgery:
                case "none" | "None":
                    return f"{_encoded({'alg': forgery})}.{payload}."
                case "another key":
                    return identity.signed(claims, other)
                case "the secret":
                    return identity.signed(claims, OctKey.import_key(SECRET), alg="HS256")
                case "the public key":
                    public = identity.keys.keys[0].as_pem(private=False)  # type: ignore[union-attr]
                    return _by_public_key(claims, public, identity.keys.keys[0].kid or "")
                case "a claim":
                    return f"{header}.{_encoded(claims)}.{signature}"
                case "no signature":
                    return f"{header}.{payload}."
                case _:
                    return identity.signed(claims, other, kid="mine", jwk=other.as_dict(private=False))  # type: ignore[arg-type]

        identity.alter = lambda path, answer: (
            answer | {"id_token": forged(answer["id_token"])} if path == "/token" else answer
        )
        assert refused(await login.whole("ola"))

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "\0", "x" * 60_000, 7, None, {"a": 1}])
    async def test_what_is_no_token(self, login: Login, token: object) -> None:
        login.identity.alter = lambda path, answer: answer | {"id_token": token} if path == "/token" else answer
        assert refused(await login.whole())

    def test_no_signature_is_taken_that_the_client_could_make(self) -> None:
        assert not [one for one in ALGORITHMS if one.startswith(("HS", "none"))]


class TestAway:
    """What the provider, or who is in its place, answers instead."""

    @pytest.mark.parametrize(
        "change",
        [
            {"issuer": "https://evil.example.com"},
            {"issuer": None},
            {"authorization_endpoint": "http://evil.example.com/auth"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": None},
            {"authorization_endpoint": 7},
        ],
    )
    async def test_a_configuration_that_is_none(self, login: Login, change: dict[str, object]) -> None:
        login.identity.alter = lambda _, answer: answer | change
        assert refused(await login.api.get("/login/oidc", allow_redirects=False), "away")

    @pytest.mark.parametrize("path", ["/token", "/jwks"])
    async def test_an_error(self, login: Login, path: str) -> None:
        login.identity.status[path] = 500
        assert refused(await login.whole(), "provider" if path == "/token" else "away")
        login.identity.status.clear()
        assert session_in(await login.whole()) is not None

    async def test_it_does_not_answer(self, login: Login) -> None:
        back = await log_in_at(await login.begin(), "kari")
        login.identity.behind = "http://127.0.0.1:1"
        assert refused(await login.end(back), "provider")

    async def test_a_new_key_is_learnt(self, login: Login) -> None:
        """Providers change their keys; until they are asked, at most once a minute, a forger's key is not known."""
        assert session_in(await login.whole()) is not None
        new = RSAKey.generate_key(2048, {"use": "sig", "kid": "new"})

        def alter(path: str, answer: dict[str, Any]) -> dict[str, Any]:
            if path == "/jwks":
                return {"keys": [*answer["keys"], new.as_dict(private=False)]}
            if path == "/token":
                return answer | {"id_token": login.identity.signed(claims_of(answer["id_token"]), new, kid="new")}
            return answer

        login.identity.alter = alter
        asked = login.identity.asked.count("/jwks")
        assert refused(await login.whole())
        assert login.identity.asked.count("/jwks") == asked
        assert login.provider._keys is not None
        login.provider._keys = (login.provider._keys[0] - KEYS_KNOWN_FOR, login.provider._keys[1])
        assert session_in(await login.whole()) is not None


def _encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _by_public_key(claims: dict[str, Any], public: bytes, kid: str) -> str:
    """Signed with the public key as if it were a shared secret, as libraries once accepted."""
    signed = f"{_encoded({'alg': 'HS256', 'kid': kid})}.{_encoded(claims)}"
    signature = hmac.new(public, signed.encode(), "sha256").digest()
    return f"{signed}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"
