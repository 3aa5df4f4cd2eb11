"""A real OpenID provider on loopback behind a relay, which alters what a test says, and people who log in with it."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from aiohttp import ClientSession, CookieJar, web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from multidict import CIMultiDict

from tests.house.pages import ROOT
from tests.support.deno import served

CLIENT, SECRET = "synkron", "a-secret-of-the-tests"
RETURNS_TO = "http://127.0.0.1:1/login/callback"
PEOPLE = {
    "kari": {"email": "kari@example.com", "email_verified": True, "groups": ["staff", "synkron-operators"]},
    "ola": {"email": "ola@example.com", "email_verified": True, "groups": ["staff"]},
    "liv": {"email": "liv@example.com", "email_verified": False, "groups": ["synkron-operators"]},
}
HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "keep-alive"}
Answer = dict[str, Any]


class Identity:
    """The provider as everybody reaches it. ``alter`` gets each JSON answer with its path, and may change it."""

    def __init__(self, behind: str, keys: KeySet) -> None:
        self.issuer = ""
        self.asked: list[str] = []
        self.alter: Callable[[str, Answer], Answer] = lambda _, answer: answer
        self.status: dict[str, int] = {}
        self.keys = keys
        self.behind = behind

    def signed(self, claims: dict[str, Any], key: Any = None, **header: str) -> str:
        """An ID token that the provider signed, or one with another key."""
        own = self.keys.keys[0]
        return jwt.encode({"alg": "RS256", "kid": own.kid, **header}, claims, key or own, algorithms=["RS256", "HS256"])

    def alter_claims(self, **changed: Any) -> None:
        """Let the provider sign other claims than it would; those that are None are left out."""

        def alter(path: str, answer: Answer) -> Answer:
            if path != "/token" or "id_token" not in answer:
                return answer
            claims = {**claims_of(answer["id_token"]), **changed}
            return answer | {"id_token": self.signed({name: one for name, one in claims.items() if one is not None})}

        self.alter = alter

    async def handle(self, request: web.Request) -> web.Response:
        """Pass a request on."""
        self.asked.append(request.path)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with (
            ClientSession(auto_decompress=True) as session,
            session.request(
                request.method,
                self.behind + request.raw_path,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as response,
        ):
            body = await response.read()
            if response.content_type.endswith("json"):
                body = json.dumps(self.alter(request.path, json.loads(body))).encode()
            passed = [(name, value) for name, value in response.headers.items() if name.lower() not in HOP]
            status = self.status.get(request.path, response.status)
            return web.Response(body=body, status=status, headers=CIMultiDict(passed))


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@contextmanager
def provider_process(folder: Path) -> Iterator[tuple[str, KeySet]]:
    """The provider with its people, and a client that is Synkron: its address and its keys, for several tests."""
    keys = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})])
    client = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [RETURNS_TO]}
    given = {"client": client, "people": PEOPLE, "jwks": keys.as_dict(private=True)}
    script = ROOT / "tests/support/oidc/provider.ts"
    process = served(folder, script, "--allow-read", "--allow-sys", PROVIDER=json.dumps(given))
    with asyncio.Runner() as runner:
        yield runner.run(process.__aenter__()).url, keys
        runner.run(process.__aexit__(None, None, None))


@asynccontextmanager
async def identity_at(behind: str, keys: KeySet) -> AsyncIterator[Identity]:
    """The provider as an issuer of its own, with a relay in front of it."""
    there = Identity(behind, keys)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", there.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield there
    finally:
        await runner.cleanup()


async def log_in_at(address: str, name: str) -> str:
    """Go to the provider as a browser does, log in there and consent; answers the address that it leads back to."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:
        method, fields = "GET", None
        while not address.startswith(RETURNS_TO):
            async with browser.request(method, address, data=fields, allow_redirects=False) as response:
                page = await response.text()
                if response.status in (302, 303):
                    address, method, fields = urljoin(address, response.headers["Location"]), "GET", None
                    continue
                assert response.status == 200, page
            form = re.search(r'<form[^>]*action="([^"]+)"', page)
            prompt = re.search(r'name="prompt" value="(\w+)"', page)
            assert form is not None, page
            assert prompt is not None, page
            address, method = urljoin(address, unescape(form[1])), "POST"
            fields = {"prompt": prompt[1], "login": name, "password": "any"}
    return address
