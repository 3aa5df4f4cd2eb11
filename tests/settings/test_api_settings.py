"""Where the API may listen, the address under which people reach it, and the identity provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from synkron.errors import SettingsError
from synkron.settings.api import ApiSettings, GrantSettings, address_of, fault_in_listen, is_loopback
from synkron.settings.load import load_settings
from synkron.settings.secrets import references_of

OIDC = """
[api.oidc]
issuer = "https://login.example.com/tenant"
client_id = "synkron"
client_secret = "env:OIDC_SECRET"
permissions = { synkron-admins = "admin", fjord = { permission = "read", org = "o1" } }
"""


def load(folder: Path, text: str) -> ApiSettings:
    path = folder / "synkron.toml"
    path.write_text(text, "utf-8")
    return load_settings(path).api


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://synkron.example.com", "https://synkron.example.com"),
        ("https://synkron.example.com:8443/", "https://synkron.example.com:8443"),
        ("http://127.0.0.1:8077", "http://127.0.0.1:8077"),
        ("http://localhost:8077/", "http://localhost:8077"),
        ("http://[::1]:8077", "http://[::1]:8077"),
    ],
)
def test_where_people_reach_it(tmp_path: Path, written: str, address: str) -> None:
    assert address_of(load(tmp_path, f'[api]\naddress = "{written}"'), "127.0.0.1:1") == address


def test_without_an_address_people_reach_it_where_it_listens() -> None:
    assert address_of(ApiSettings(), "127.0.0.1:8077") == "http://127.0.0.1:8077"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://synkron.example.com", "expected https://"),
        ("http://192.168.1.7:8077", "expected https://"),
        ("http://localhost.example.com", "expected https://"),
        ("https://example.com/synkron", "without a path"),
        ("https://example.com?x=1", "without a path"),
        ("https://kari:hush@example.com", "without a path"),
        ("synkron.example.com", "without a path"),
        ("https://", "without a path"),
    ],
)
def test_where_people_do_not_reach_it(tmp_path: Path, address: str, says: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, f'[api]\naddress = "{address}"')
    (fault,) = refusal.value.faults
    assert fault.startswith("api.address: ")
    assert says in fault


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104
        ("[::]", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example.com", False),
        ("synkron", False),
        ("", False),
    ],
)
def test_what_is_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it


@pytest.mark.parametrize("listen", ["0.0.0.0:8077", "[::]:8077", "10.0.0.1:80", "synkron:8077"])
def test_elsewhere_than_on_loopback_it_needs_tls_in_front(listen: str) -> None:
    assert (fault_in_listen(ApiSettings(), listen) or "").startswith(f"listen: on {listen}, others on the network")
    assert fault_in_listen(ApiSettings(address="http://127.0.0.1:8077"), listen) is not None
    assert fault_in_listen(ApiSettings(address="https://synkron.example.com"), listen) is None
    assert fault_in_listen(ApiSettings(), "127.0.0.1:8077") is None


def test_a_provider(tmp_path: Path) -> None:
    path = tmp_path / "synkron.toml"
    path.write_text(OIDC, "utf-8")
    settings = load_settings(path)
    oidc = settings.api.oidc
    assert oidc is not None
    assert (oidc.claim, oidc.name_claim, oidc.scopes) == ("groups", "email", ("openid", "email", "profile"))
    assert oidc.permissions == {
        "synkron-admins": GrantSettings(permission="admin"),
        "fjord": GrantSettings(permission="read", org="o1"),
    }
    assert references_of(settings) == ["env:OIDC_SECRET"]


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("https://login", "login", "issuer", '"http://" or "https://"'),
        ('"synkron"', '""', "client_id", "at least 1 character"),
        ("env:OIDC_SECRET", "hush-hush", "client_secret", "do not write the secret itself"),
        ('"admin"', '"root"', "permissions.synkron-admins.permission", "'read', 'operate' or 'admin'"),
        ("permission =", "may =", "permissions.fjord.permission", "required"),
        ('org = "o1"', 'org = ""', "permissions.fjord.org", "at least 1 character"),
        (
            '{ synkron-admins = "admin", fjord = { permission = "read", org = "o1" } }',
            "{}",
            "permissions",
            "at least 1",
        ),
    ],
)
def test_a_provider_that_is_none(tmp_path: Path, old: str, new: str, key: str, says: str) -> None:
    assert old in OIDC
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, OIDC.replace(old, new))
    faults = [one for one in refusal.value.faults if one.startswith(f"api.oidc.{key}: ")]
    assert len(faults) == 1
    assert says in faults[0]
    assert "hush" not in str(refusal.value)
