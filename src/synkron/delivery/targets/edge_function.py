"""A Supabase Edge Function as a target: where it is, the key that it checks, and what its platform's errors mean."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr
from yarl import URL

from synkron.settings.load import SupabaseSettings
from synkron.settings.secrets import fault, read_secret
from synkron.settings.supabase import fault_in_function_key, fault_in_url

API_KEY = "apikey"
ERROR_CODE = "sb-error-code"
LIMITS = "the platform stopped the function, because it used too much memory or processor time; let a run do less"
# Supabase's documentation of Edge Functions, "Error codes". What is not listed says nothing that an operator could do,
# or, as EDGE_FUNCTION_ERROR, is the function's own answer.
MEANINGS: Mapping[str, str] = {
    "IDLE_TIMEOUT": "the function did not answer within the platform's 150 s, and may still be at work; let it answer "
    "202 and complete the run later",
    "WORKER_RESOURCE_LIMIT": LIMITS,
    "WORKER_LIMIT": LIMITS,
    "BOOT_ERROR": "the function can't start; read its log in Supabase",
    "WORKER_ERROR": "the function ended by an exception that it did not catch; read its log in Supabase",
    "NOT_FOUND": "this project has no such function; deploy it, or correct its name in the target",
}
WANTS_JWT = (
    "the platform checks for a JWT before the function is called; set verify_jwt = false for this function in "
    "supabase/config.toml and deploy it again: it checks the key itself"
)
# Where the answer has no code.
CODES = {504: "IDLE_TIMEOUT", 546: "WORKER_RESOURCE_LIMIT"}


def read_function(name: str, key: str, project: SupabaseSettings) -> URL:
    """The address of the function of this name. Raises SettingsError; ``key`` is where the function is named."""
    if project.url is None:
        raise fault(key, 'an Edge Function needs the project: add [supabase] with url = "https://PROJECT.supabase.co"')
    if says := fault_in_url(project.url):
        raise fault("supabase.url", f'{says}; expected the address of the project, "https://PROJECT.supabase.co"')
    return URL(project.url).origin() / "functions/v1" / name


def read_key(key: str, project: SupabaseSettings, environment: Mapping[str, str]) -> SecretStr:
    """The project's secret key. Raises SettingsError; ``key`` is where the function is named."""
    if project.secret_key is None:
        raise fault(key, 'an Edge Function needs a key: add secret_key = "env:SUPABASE_SECRET_KEY" to [supabase]')
    found = read_secret("supabase.secret_key", project.secret_key, environment)
    if says := fault_in_function_key(found.get_secret_value()):
        raise fault("supabase.secret_key", says)
    return found


def platform_error(status: int | None, headers: Mapping[str, str]) -> str | None:
    """What the platform's answer means and what to do; None if the function itself answered, or nothing is known.

    The platform names its errors in a header. Without one, a 504 is its own when no answer came within 150 s.
    """
    code = headers.get(ERROR_CODE) or CODES.get(status or 0, "")
    return WANTS_JWT if code.startswith("UNAUTHORIZED_") else MEANINGS.get(code)
