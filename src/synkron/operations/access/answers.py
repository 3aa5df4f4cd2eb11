"""Answers to requests with an Idempotency-Key: a request that comes again gets the same, and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from synkron.errors import Refused
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements

SQL = statements("operations/access/access")


class KeyReused(Refused):
    """The key was sent before, with another request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered: its status and its body, which is JSON.

    ``kept`` is what is kept of a body with a secret, and answered to the same request later.
    """

    status: int
    body: str
    kept: str | None = None


async def answer_once(
    connection: Connection,
    actor: str,
    key: str,
    request: str,
    body: bytes,
    do: Callable[[], Awaitable[Answer]],
    *,
    within: str | None = None,
) -> Answer:
    """What ``do`` answers to the actor's ``request`` (its method and path) and ``body``; the same if it came before.

    ``within`` is the organization that the actor is tied to: a token that is made anew in the name of another may be
    tied to another one, and its request is then another.

    The answer is kept in the transaction of the change, for 24 hours: either both are there, or neither. What ``do``
    raises is not kept, as nothing was changed. A request that comes while its first one is at work waits for it.
    Raises KeyReused if the key was sent with another request; ValueError unless the key has 1 to 255 characters.
    """
    if not 1 <= len(key) <= 255:
        raise ValueError("an Idempotency-Key has 1 to 255 characters")
    if within is not None:
        request += f" of {within}"
    fingerprint = sha256(body).digest()
    # Operations ask for the same isolation, in a transaction inside of this one.
    async with connection.transaction(isolation="read_committed"):
        if await connection.fetchval(SQL["begin_answer"], actor, key, request, fingerprint):
            answer = await do()
            body_kept = answer.body if answer.kept is None else answer.kept
            await connection.execute(SQL["keep_answer"], actor, key, answer.status, body_kept)
            return answer
        kept = await connection.fetchrow(SQL["answer"], actor, key)
    if kept is None or (kept["request"], kept["body_hash"]) != (request, fingerprint):
        raise KeyReused(
            "This Idempotency-Key was sent before with another request. Send a new key with each new request, and the "
            "same key and body only when a request is repeated."
        )
    return Answer(kept["status"], kept["body"])
