"""Passwords: hashed with Argon2id in two threads at most, so that logins leave memory and processor to deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from unicodedata import normalize

from synkron.errors import Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Answer = TypeVar("Answer")

SHORTEST, LONGEST = 12, 200
# Passes, KiB and lanes: the library's own choice, which takes some 50 ms. A hash of others is made anew at a login.
COST = (3, 65536, 4)
_threads = ThreadPoolExecutor(2, "synkron-passwords")


def check_password(name: str, password: str) -> None:
    """Raise Refused if nobody should have this password."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}. Several words that have "
            "nothing to do with each other are a good one."
        )
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        raise Refused("This password is too easily guessed: it repeats few characters, or contains the name.")


async def hash_password(password: str) -> str:
    """What is kept of the password: its hash, with the salt and the parameters. Raises Refused without argon2-cffi."""
    return await _in_thread(_hasher().hash, _bytes(password))


async def is_password(password: str, kept: str | None) -> bool:
    """Whether the password is the one that is kept. It takes as long where none is kept: nobody learns who is known."""
    return await _in_thread(_matches, password, kept)


def needs_rehash(kept: str) -> bool:
    """Whether it was hashed with other parameters than this release's."""
    return _hasher().check_needs_rehash(kept)


def _matches(password: str, kept: str | None) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(kept or _nobody_s(), _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def _bytes(password: str) -> bytes:
    """The same for each way to type it: keyboards differ in how they compose a letter with its accent."""
    return normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError:
        raise Refused(
            "Passwords need argon2-cffi, which is not installed; install it with `pip install 'synkron[api]'`."
        ) from None
    return PasswordHasher(*COST)


@cache
def _nobody_s() -> str:
    return _hasher().hash("the password of nobody")


async def _in_thread(function: Callable[..., Answer], *given: object) -> Answer:
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *given)
