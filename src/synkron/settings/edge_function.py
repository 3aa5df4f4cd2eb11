"""Supabase Edge Functions as targets: how the settings name one, and which key it takes. Pure."""

from __future__ import annotations

from re import fullmatch

MAKE_ONE = 'make a key that begins with "sb_secret_" under API Keys in the project\'s settings'


def function_in(target: str | None) -> str | None:
    """The name of the Edge Function that a target names as ``edge:NAME``; None if it names something else."""
    found = fullmatch(r"edge:([A-Za-z][A-Za-z0-9_-]*)", target or "")
    return found[1] if found else None


def fault_in_key(key: str) -> str | None:
    """Why an Edge Function must not be called with this key, or None if it may. Shows nothing of the key."""
    if fullmatch(r"sb_secret_[!-~]+", key):
        return None
    if key.startswith("sb_publishable_"):
        return f"this is a publishable key, which anybody may have; {MAKE_ONE}"
    if key.count(".") == 2:
        return f"this is a JWT (a legacy key, or a user's session), which functions do not take as a key; {MAKE_ONE}"
    return f"this is not a Supabase secret key; {MAKE_ONE}"


def fault_in_bearer(authorization: str) -> str | None:
    """Why this value of the header ``Authorization`` is refused, or None if it is not. Shows nothing of it.

    Supabase's API keys are no JWTs. As a Bearer token, neither the platform nor a function accepts one.
    """
    if fullmatch(r"(?i:bearer\s+)?sb_(secret|publishable)_.*", authorization):
        return 'a Supabase API key is not a Bearer token; send it in the header apikey, or write target = "edge:NAME"'
    return None
