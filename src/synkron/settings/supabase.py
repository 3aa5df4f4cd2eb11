"""A Supabase project as the settings name it: its address, its Edge Functions, and whose key a key is. Pure."""

from __future__ import annotations

from enum import StrEnum
from re import fullmatch

from yarl import URL

from synkron.settings.addresses import fault_in_address

MAKE_ONE = 'make a key that begins with "sb_secret_" under API Keys in the project\'s settings'
REST = "/rest/v1"
# How a secret key begins.
SECRET = "sb_secret_"  # noqa: S105


class KeyKind(StrEnum):
    """What a key's text says that it is. The kinds are those of https://supabase.com/docs/guides/api/api-keys."""

    SECRET = "secret"  # noqa: S105 - the kind's name
    PUBLISHABLE = "publishable"
    ACCESS_TOKEN = "access token"  # noqa: S105 - the kind's name
    JWT = "JWT"
    EMPTY = "empty"
    UNSENDABLE = "unsendable"
    UNKNOWN = "unknown"


def kind_of(key: str) -> KeyKind:
    """The kind of the key. A JWT is a legacy key or a user's session; an unsendable one has no place in a header."""
    if not key.strip():
        return KeyKind.EMPTY
    if not fullmatch(r"[!-~]+", key):
        return KeyKind.UNSENDABLE
    prefixes = {SECRET: KeyKind.SECRET, "sb_publishable_": KeyKind.PUBLISHABLE, "sbp_": KeyKind.ACCESS_TOKEN}
    for prefix, kind in prefixes.items():
        if key.startswith(prefix) and key != prefix:
            return kind
    return KeyKind.JWT if key.count(".") == 2 else KeyKind.UNKNOWN


def fault_in_url(project_url: str) -> str | None:
    """Why this is not the address of a project, or None if it is. Shows nothing of it."""
    if fault := fault_in_address(project_url):
        return fault
    return None if URL(project_url).path.rstrip("/") in ("", REST) else "it contains a path"


def function_in(target: str | None) -> str | None:
    """The name of the Edge Function that a target names as ``edge:NAME``; None if it names something else."""
    found = fullmatch(r"edge:([A-Za-z][A-Za-z0-9_-]*)", target or "")
    return found[1] if found else None


def fault_in_function_key(key: str) -> str | None:
    """Why an Edge Function must not be called with this key, or None if it may. Shows nothing of the key."""
    match kind_of(key):
        case KeyKind.SECRET:
            return None
        case KeyKind.PUBLISHABLE:
            return f"this is a publishable key, which anybody may have; {MAKE_ONE}"
        case KeyKind.JWT:
            return (
                f"this is a JWT (a legacy key, or a user's session), which functions do not take as a key; {MAKE_ONE}"
            )
        case _:
            return f"this is not a Supabase secret key; {MAKE_ONE}"


def fault_in_bearer(authorization: str) -> str | None:
    """Why this value of the header ``Authorization`` is refused, or None if it is not. Shows nothing of it.

    Supabase's API keys are no JWTs. As a Bearer token, neither the platform nor a function accepts one.
    """
    if fullmatch(r"(?i:bearer\s+)?sb_(secret|publishable)_.*", authorization):
        return 'a Supabase API key is not a Bearer token; send it in the header apikey, or write target = "edge:NAME"'
    return None
