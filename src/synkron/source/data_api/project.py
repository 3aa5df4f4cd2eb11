"""The address of a project's Data API. Pure."""

from __future__ import annotations

from yarl import URL

from synkron.errors import SettingsError
from synkron.settings.supabase import REST, fault_in_url

EXPECTED = 'expected the URL of the project, such as "https://abcdefghijklmnopqrst.supabase.co"'


def rest_address(project_url: str) -> URL:
    """The address of the project's Data API. Raises SettingsError, which shows nothing of a malformed URL."""
    if reason := fault_in_url(project_url):
        raise SettingsError([f"the Data API's URL: {reason}; {EXPECTED}"])
    return URL(project_url).origin().with_path(REST)


def place_of(address: URL) -> str:
    """The Data API as messages name it."""
    return f"the Data API at {address.origin()}"
