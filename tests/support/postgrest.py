"""A stand-in for PostgREST and the gateway in front of it, as Supabase runs them. It is not PostgREST.

It answers the one form of request that Synkron sends, from the test's own database, by SQL with the role of the key set
and a transaction for each request. Statuses, codes, headers, the cut at `max_rows` and the hint of a missing grant are
those that PostgREST and Supabase document. Each answer says what it is: `Server: stand-in for PostgREST`.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest, new
from typing import Any

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from synkron.postgres.connection import Connection, Pool

SECRET_KEY = "sb_secret_c3RhbmQtaW4gZm9yIFBvc3Q"
PUBLISHABLE_KEY = "sb_publishable_c3RhbmQtaW4gZm9yIFBv"
SIGNING = b"the stand-in's own signing secret"
SERVER = "stand-in for PostgREST"
STATUS = {"42501": 403, "42703": 400, "42883": 404, "57014": 500, "53300": 503, "22P02": 400}
# alias:column::cast, or alias:table!hint(alias:column,...)
ITEM = re.compile(
    r"(?:(?P<alias>\w+):)?(?P<name>\w+)(?:::(?P<cast>\w+))?(?:!(?P<hint>\w+)\((?P<inner>[^)]*)\))?(?:,|$)"
)
OPERATORS = {"eq": "=", "gt": ">", "is": "is", "not.is": "is not", "in": "in"}

Tamper = Callable[[int, web.Response], web.StreamResponse]
"""Changes the answer to the request of that number, counted from 0."""


@dataclass
class StandIn:
    """The server: its URL, what it was asked, and what it does to its answers."""

    pool: Pool
    max_rows: int = 1000
    tamper: Tamper | None = None
    url: str = ""
    requests: list[web.Request] = field(default_factory=list)


@asynccontextmanager
async def postgrest(superuser_url: str, **options: Any) -> AsyncIterator[StandIn]:
    """The stand-in on loopback, over the database."""
    async with asyncpg.create_pool(superuser_url, min_size=1, max_size=4) as pool:
        stand_in = StandIn(pool, **options)
        app = web.Application(client_max_size=1024)

        async def answer(request: web.Request) -> web.StreamResponse:
            return await _answer(stand_in, request)

        app.router.add_get("/rest/v1/{table}", answer)
        async with TestServer(app, host="127.0.0.1") as server:
            stand_in.url = str(server.make_url("/")).rstrip("/")
            yield stand_in


def token(role: str | None, *, exp: float = 4_000_000_000, **claims: object) -> str:
    """A JSON Web Token of the stand-in's, such as a legacy key or a user's session."""
    payload = {"iss": "supabase", "exp": exp} | ({"role": role} if role else {}) | claims
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, payload)]
    return ".".join([*parts, _base64(new(SIGNING, ".".join(parts).encode(), sha256).digest())])


async def _answer(stand_in: StandIn, request: web.Request) -> web.StreamResponse:
    number = len(stand_in.requests)
    stand_in.requests.append(request)
    try:
        answer = await _rows(stand_in, request)
    except _Refused as refused:
        answer = web.json_response(refused.body, status=refused.status)
    answer.headers["Server"] = SERVER
    return answer if stand_in.tamper is None else stand_in.tamper(number, answer)


class _Refused(Exception):
    def __init__(self, status: int, message: str, code: str = "", hint: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "hint": hint} | ({"code": code, "details": None} if code else {})


def _role(request: web.Request) -> str:
    """The gateway's check of the key, then PostgREST's of the token."""
    key = request.headers.get("apikey")
    if key is None:
        raise _Refused(401, "No API key found in request", hint="No `apikey` request header or url param was found.")
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    known = {SECRET_KEY: "service_role", PUBLISHABLE_KEY: "anon"}
    if key in known and bearer in ("", key):
        return known[key]
    if key not in known and not _is_signed(key):
        raise _Refused(401, "Invalid API key", hint="Double check your Supabase `anon` or `service_role` API key.")
    if not bearer:
        return "anon"
    if not _is_signed(bearer):
        raise _Refused(401, "No suitable key or wrong key type", "PGRST301")
    claims = json.loads(_decoded(bearer.split(".")[1]))
    if claims["exp"] < datetime.now(UTC).timestamp():  # noqa: TID251 - the stand-in's own clock
        raise _Refused(401, "JWT expired", "PGRST303")
    return str(claims.get("role", "anon"))


async def _rows(stand_in: StandIn, request: web.Request) -> web.Response:
    role, schema, table = _role(request), request.headers.get("Accept-Profile", "public"), request.match_info["table"]
    if schema != "public":
        hint = "Only the following schemas are exposed: public, graphql_public"
        raise _Refused(406, f"Invalid schema: {schema}", "PGRST106", hint)
    async with stand_in.pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(f"set local timezone = 'UTC'; set local role {role}")
        try:
            if not await connection.fetchval("select to_regclass(quote_ident($1)) is not null", table):
                raise _Refused(404, f"Could not find the table 'public.{table}' in the schema cache", "PGRST205")
            chosen = await _chosen(connection, table, request.query["select"])
            where = _filters(request)
            limit = min(int(request.query["limit"]), stand_in.max_rows)
            column, direction, nulls = request.query["order"].split(".")
            # With its table, because a column of the answer may have the same name and another type.
            order = f'"{table}"."{column}" {direction} {nulls.replace("nulls", "nulls ")}'
            body = await connection.fetchval(
                f"select coalesce(json_agg(page), '[]')::text from "
                f'(select {chosen} from "{table}" where {where} order by {order} limit {limit}) page'
            )
            total = await connection.fetchval(f'select count(*) from "{table}" where {where}')
        except asyncpg.PostgresError as error:
            raise _refusal(error, role, table) from None
    count = len(json.loads(body))
    return web.Response(
        text=body,
        status=206 if count < total else 200,
        content_type="application/json",
        headers={"Content-Range": f"{f'0-{count - 1}' if count else '*'}/{total}"},
    )


async def _chosen(connection: Connection, table: str, text: str) -> str:
    """The list of columns; an embedded row is a lateral subquery, by the foreign key that the hint's column has."""
    parts = []
    for item in ITEM.finditer(text):
        if item["inner"] is None:
            parts.append(_column(table, item))
            continue
        target, hint = item["name"], item["hint"]
        key = await _key(connection, table, target, hint)
        inner = ", ".join(_column(target, one) for one in ITEM.finditer(item["inner"]))
        joined = f'select {inner} from "{target}" where "{target}"."{key}" = "{table}"."{hint}"'
        parts.append(f"(select row_to_json(one) from ({joined}) one) as {item['alias']}")
    return ", ".join(parts)


def _column(table: str, item: re.Match[str]) -> str:
    cast = f"::{item['cast']}" if item["cast"] else ""
    name, alias = item["name"], item["alias"] or item["name"]
    return f'"{table}"."{name}"{cast} as "{alias}"'


async def _key(connection: Connection, table: str, target: str, column: str) -> str:
    keys = await connection.fetch(
        "select f.attname from pg_constraint c "
        "join pg_attribute a on a.attrelid = c.conrelid and array[a.attnum] = c.conkey "
        "join pg_attribute f on f.attrelid = c.confrelid and array[f.attnum] = c.confkey "
        "where contype = 'f' and a.attname = $3 "
        "and conrelid = to_regclass(quote_ident($1)) and confrelid = to_regclass(quote_ident($2))",
        table,
        target,
        column,
    )
    if not keys:
        message = f"Could not find a relationship between '{table}' and '{target}' in the schema cache"
        hint = f"Searched for a foreign key relationship with the hint '{column}', but no matches were found."
        raise _Refused(400, message, "PGRST200", hint)
    if len(keys) > 1:
        raise _Refused(300, f"Could not embed because more than one relationship was found for '{table}'", "PGRST201")
    found: str = keys[0][0]
    return found


def _filters(request: web.Request) -> str:
    """The conditions. A value is a literal without a type, as PostgREST sends it, so that it gets the column's."""
    conditions = []
    for column, text in request.query.items():
        if column not in ("select", "order", "limit"):
            operator = next(name for name in OPERATORS if text.startswith(f"{name}."))
            value = text.removeprefix(f"{operator}.")
            if operator == "in":
                given = f"({', '.join(_literal(one) for one in json.loads('[' + value[1:-1] + ']'))})"
            else:
                given = value if operator.endswith("is") else _literal(value)
            conditions.append(f'"{column}" {OPERATORS[operator]} {given}')
    return " and ".join(conditions) or "true"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _refusal(error: asyncpg.PostgresError, role: str, table: str) -> _Refused:
    code = error.sqlstate or "XX000"
    status, message, hint = STATUS.get(code, 500), str(error), getattr(error, "hint", None)
    if code == "42501":
        status = 401 if role == "anon" else 403
        denied = re.search(r"permission denied for table (\w+)", message)
        name = denied[1] if denied else table
        hint = f"Grant the required privileges to the current role with: GRANT SELECT ON public.{name} TO {role};"
    return _Refused(status, message, code, hint)


def _is_signed(text: str) -> bool:
    head, _, signature = text.rpartition(".")
    return compare_digest(_base64(new(SIGNING, head.encode(), sha256).digest()), signature)


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
