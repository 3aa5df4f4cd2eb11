"""The address of a project, and of its Data API. Pure."""

from __future__ import annotations

from typing import NoReturn

from yarl import URL

from synkron.errors import SettingsError

REST = "/rest/v1"
EXPECTED = 'expected the URL of the project, such as "https://abcdefghijklmnopqrst.supabase.co"'


def rest_address(project_url: str) -> URL:
    """The address of the project's Data API. Raises SettingsError, which shows nothing of a malformed URL."""
    if not project_url.isprintable() or " " in project_url:
        _refuse("it contains a line break, a blank or a control character")
    try:
        url = URL(project_url)
        host, _ = url.host, url.explicit_port
    except ValueError:
        _refuse("it can't be read as a URL")
    if url.scheme not in ("http", "https"):
        _refuse("it begins with neither https:// nor http://")
    if not host:
        _refuse("it names no host")
    if url.raw_user is not None or url.raw_password is not None:
        _refuse("it contains a user or a password")
    if url.raw_query_string or url.raw_fragment:
        _refuse("it contains a query or a fragment")
    if url.path.rstrip("/") not in ("", REST):
        _refuse("it contains a path")
    return url.origin().with_path(REST)


def place_of(address: URL) -> str:
    """The Data API as messages name it."""
    return f"the Data API at {address.origin()}"


def _refuse(reason: str) -> NoReturn:
    raise SettingsError([f"the Data API's URL: {reason}; {EXPECTED}"])
