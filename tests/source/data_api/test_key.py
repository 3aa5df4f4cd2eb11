"""Whose key it is, and where the project is: decided before any request."""

from __future__ import annotations

from datetime import UTC, datetime
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron import DataApi, SettingsError
from synkron.errors import ServiceRoleRequired, SynkronError
from synkron.settings.supabase import KeyKind
from synkron.source.data_api.key import check_key, headers_of
from synkron.source.data_api.project import rest_address
from tests.source.sources import shows_at_most_six
from tests.support.postgrest import PUBLISHABLE_KEY, SECRET_KEY, token

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
PROJECT = "https://abcdefghijklmnopqrst.supabase.co"
# Seven characters of a sentence have a small letter among them: a key without any has none of them in common with it.
NOT_OF_A_SENTENCE = st.characters(exclude_characters=ascii_lowercase)
YESTERDAY = NOW.timestamp() - 86_400


# requirement R11
@pytest.mark.parametrize(
    ("key", "error", "says"),
    [
        pytest.param("", SettingsError, "the Data API's key is empty", id="empty"),
        pytest.param(" \n", SettingsError, "the Data API's key is empty", id="blank"),
        pytest.param(SECRET_KEY + "\n", SettingsError, "it contains a line break", id="line break at the end"),
        pytest.param("sb_secret_abc\ndef", SettingsError, "it contains a line break", id="line break inside"),
        pytest.param("sb_secret_abc\r\nX-Evil: 1", SettingsError, "it contains a line break", id="another header"),
        pytest.param("sb_secret_æ", SettingsError, "a character that no key has", id="not ASCII"),
        pytest.param(PUBLISHABLE_KEY, ServiceRoleRequired, "sb_pub... is a publishable key", id="publishable"),
        pytest.param(token("anon"), ServiceRoleRequired, "is the anon key", id="anon"),
        pytest.param(
            token("authenticated", sub="u1"), ServiceRoleRequired, "session of a signed-in user", id="a user's session"
        ),
        pytest.param(token("dashboard"), ServiceRoleRequired, "a token of the role dashboard", id="another role"),
        pytest.param(token(None), ServiceRoleRequired, "a token of no role", id="no role"),
        pytest.param(
            token("service_role", exp=YESTERDAY), ServiceRoleRequired, "expired on 2026-03-01 02:00 UTC", id="expired"
        ),
        pytest.param(token("service_role", exp=-1e300), ServiceRoleRequired, "that expired.", id="before the calendar"),
        pytest.param("sbp_0123456789abcdef0123", ServiceRoleRequired, "a personal access token", id="access token"),
        pytest.param("a.b.c", ServiceRoleRequired, "neither a secret key", id="three parts of nothing"),
        pytest.param("a.bnVsbA.c", ServiceRoleRequired, "neither a secret key", id="a token that holds null"),
        pytest.param("hunter2", ServiceRoleRequired, "The key that was given is neither", id="a word"),
        pytest.param("postgresql://u:p@h/d-and-more", ServiceRoleRequired, "neither a secret key", id="another secret"),
    ],
)  # fmt: skip
def test_a_key_of_anybody_else_is_refused(key: str, error: type[SynkronError], says: str) -> None:
    with pytest.raises(error) as refused:
        check_key(key, NOW)
    assert says in str(refused.value)
    assert shows_at_most_six(str(refused.value), key)


def test_each_is_refused_with_a_sentence_of_its_own() -> None:
    keys = ["", "a b", PUBLISHABLE_KEY, token("anon"), token("authenticated"), token("service_role", exp=YESTERDAY)]
    said = set()
    for key in keys:
        with pytest.raises(SynkronError) as refused:
            check_key(key, NOW)
        said.add(str(refused.value))
    assert len(said) == len(keys)


# requirement R11
def test_the_service_role_s_keys_are_accepted() -> None:
    legacy = token("service_role", exp=NOW.timestamp() + 1)
    assert check_key(SECRET_KEY, NOW) is KeyKind.SECRET
    assert check_key(legacy, NOW) is KeyKind.JWT
    assert check_key(token("service_role", exp=1e300), NOW) is KeyKind.JWT
    assert headers_of(SECRET_KEY, KeyKind.SECRET) == {"apikey": SECRET_KEY}
    assert headers_of(legacy, KeyKind.JWT) == {"apikey": legacy, "Authorization": f"Bearer {legacy}"}


@given(
    st.text(NOT_OF_A_SENTENCE, max_size=80) | st.from_regex(r"\A[A-Z0-9_-]{0,9}\.[A-Z0-9_-]{0,40}\.[A-Z0-9_-]{0,9}\Z")
)
def test_any_text_is_a_key_or_refused_in_a_sentence(key: str) -> None:
    said = ""
    try:
        check_key(key, NOW)
    except SynkronError as refused:
        said = str(refused)
    assert said
    assert shows_at_most_six(said, key)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begins with neither"),
        ("abcdefghijklmnopqrst.supabase.co", "begins with neither"),
        ("postgresql://postgres:hush@db.abc.supabase.co:5432/postgres", "begins with neither"),
        ("https://", "names no host"),
        ("https://abc.supabase.co:99999", "can't be read"),
        ("https://[abc", "can't be read"),
        ("https://abc.supabase.co\n", "a line break"),
        ("https://abc.supa base.co", "a blank"),
        ("https://key:hush@abc.supabase.co", "a user or a password"),
        ("https://abc.supabase.co?apikey=hush", "a query"),
        ("https://abc.supabase.co/#hush", "a fragment"),
        ("https://supabase.com/dashboard/project/abc", "a path"),
    ],
)
def test_a_malformed_url_is_refused_and_not_shown(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        DataApi(url, SECRET_KEY)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("url", [PROJECT, f"{PROJECT}/", f"{PROJECT}/rest/v1", f"{PROJECT}/rest/v1/"])
def test_the_forms_of_a_project_s_url(url: str) -> None:
    assert str(rest_address(url)) == f"{PROJECT}/rest/v1"


def test_a_source_shows_six_characters_of_its_key() -> None:
    assert repr(DataApi(PROJECT, SECRET_KEY)) == f"DataApi('{PROJECT}', 'sb_sec'...)"
