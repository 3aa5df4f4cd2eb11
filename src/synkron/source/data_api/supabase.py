"""A Supabase client (``supabase.AsyncClient``) as a source: its key and its user are checked, and it sends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

from synkron.errors import ServiceRoleRequired
from synkron.settings.sections import SourceTables
from synkron.source.data_api.client import checked
from synkron.source.data_api.key import REMEDY, claims_in, hiding
from synkron.source.data_api.pages import Hide, Page, page_of, unusable
from synkron.source.data_api.project import place_of, rest_address
from synkron.source.data_api.read import TIMEOUT, Ask, NotReached
from synkron.source.data_api.refusal import Refusal, error_of
from synkron.source.data_api.select import PAGE, Select

if TYPE_CHECKING:
    from postgrest import APIError, AsyncPostgrestClient
    from supabase import AsyncClient


def is_client(source: object) -> TypeGuard[AsyncClient]:
    """Whether it is a Supabase client. Synkron works without the package, so it is asked for only if it is imported."""
    supabase: Any = sys.modules.get("supabase")
    return supabase is not None and isinstance(source, supabase.AsyncClient)


def place_of_client(client: AsyncClient) -> str:
    """The client's Data API as messages name it."""
    return place_of(rest_address(str(client.supabase_url)))


# requirement R11, R13
@asynccontextmanager
async def opened(client: AsyncClient, tables: SourceTables) -> AsyncIterator[Ask]:
    """What sends requests through the client.

    What the client will send is settled here: a user who signs in to it during the read changes nothing.
    """
    place, hide = place_of_client(client), hiding(client.supabase_key)
    rest = client.schema(tables.schema_name)
    await _check_client(client, rest, place)

    async def ask(select: Select) -> Page:
        return await _ask(rest, select, tables, place, hide)

    yield ask


async def _check_client(client: AsyncClient, rest: AsyncPostgrestClient, place: str) -> None:
    """Refuse a client that would read as anybody but the service role, whatever its key is."""
    key = client.supabase_key
    sent = rest.headers.get("Authorization", "").removeprefix("Bearer ")
    if (claims_in(sent) or {}).get("role") == "authenticated" or await _has_session(client):
        raise ServiceRoleRequired(
            "A user is signed in to this Supabase client, and Synkron never reads as a user. Give it a client of its "
            "own, made with the project's secret key."
        )
    checked(key, place)
    if sent != key or rest.headers.get("apikey") != key or rest.basic_auth is not None:
        raise ServiceRoleRequired(
            "This Supabase client sends something else than its own key in its headers, and would read as another "
            f"role. Make one with the secret key alone: create_async_client(url, key). {REMEDY}"
        )


async def _has_session(client: AsyncClient) -> bool:
    """Whether its storage holds a user's session. A session that can't be renewed is one too."""
    from supabase_auth.errors import AuthError

    try:
        return await client.auth.get_session() is not None
    except AuthError:
        return True


async def _ask(rest: AsyncPostgrestClient, select: Select, tables: SourceTables, place: str, hide: Hide) -> Page:
    from httpx import HTTPError
    from postgrest import APIError, CountMethod

    builder = rest.from_(select.table).select(select.columns, count=CountMethod.exact)
    for column, operator, value in select.filters:
        builder = builder.filter(column, operator, value)
    request = builder.order(select.key, nullsfirst=True).limit(PAGE).retry(False)
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            answer = await request.execute()
    except APIError as error:
        refusal = _refusal(error).without_secrets(hide)
        if refusal.is_passing:
            raise NotReached(f"{place} is not available: {refusal.said}") from None
        raise error_of(refusal, place, tables) from None
    except ValueError:  # of the client's own, on a count that is no number
        raise unusable(place, "gave an answer that the Supabase client can't read") from None
    except (HTTPError, OSError) as error:
        raise NotReached(f"{place} gave no answer ({type(error).__name__})") from None
    return page_of(answer.data, answer.count, place, hide)


def _refusal(error: APIError) -> Refusal:
    """What the client says of the answer. For one without a body of PostgREST's, the code is the HTTP status."""
    code = error.code or ""
    is_status = len(code) == 3 and code.isdecimal()
    return Refusal(int(code) if is_status else None, "" if is_status else code, error.message or "", error.hint or "")
