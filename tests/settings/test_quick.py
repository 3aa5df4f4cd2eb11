"""The quick settings say what the whole ones say, or nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from synkron.settings.load import SourceTables, load_settings
from synkron.settings.quick import Address, DefaultTables, quick_settings
from synkron.settings.secrets import secrets_of

URL = "postgresql://synkron:pa%2Fss-w0rd@db.example.com:5432/app?sslpassword=0123456789"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_tables_are_the_defaults() -> None:
    assert asdict(DefaultTables()) == SourceTables().model_dump()
    assert vars(DefaultTables().organizations) == vars(SourceTables().organizations)
    assert vars(DefaultTables().integrations) == vars(SourceTables().integrations)


@pytest.mark.parametrize("data_dir", [None, "/var/lib/synkron"])
@pytest.mark.parametrize("url", [None, URL, "postgres://db/app"])
def test_where_only_a_database_is_set(url: str | None, data_dir: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SYNKRON_DATABASE_URL": url, "SYNKRON_DATA_DIR": data_dir, "SYNKRON_AUTHOR": "kari", "PGPASSWORD": "p"}
    environment = {name: text for name, text in given.items() if text is not None}
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    quick, whole = quick_settings(None, environment), load_settings()
    assert quick is not None
    assert (quick.database_url and quick.database_url.get_secret_value()) == url
    assert (whole.database_url and whole.database_url.get_secret_value()) == url
    assert quick.data_dir == whole.data_dir
    assert quick.retention == whole.retention
    assert quick.types == whole.types
    secrets, others = quick.secrets(environment), secrets_of(whole, environment)
    assert [one.get_secret_value() for one in secrets] == [one.get_secret_value() for one in others]


@pytest.mark.parametrize(
    "environment",
    [
        {"SYNKRON_HEARTBEAT": "1m"},
        {"SYNKRON_SOURCE__SCHEMA": "app"},
        {"synkron_database_url": URL},
        {"SYNKRON_DATA_DIR": ""},
        {"SYNKRON_DATABASE_URL": ""},
        {"SYNKRON_DATABASE_URL": "mysql://db/app"},
        {"SYNKRON_DATABASE_URL": "postgresql://db:99999/app"},
        {"SYNKRON_DATABASE_URL": "postgresql://one,two/app"},
    ],
)
def test_anything_else_is_for_the_whole(environment: dict[str, str]) -> None:
    assert quick_settings(None, environment) is None


def test_a_file_is_for_the_whole(tmp_path: Path) -> None:
    assert quick_settings(tmp_path / "other.toml", {}) is None
    Path("synkron.toml").touch()
    assert quick_settings(None, {}) is None


def test_the_address_is_not_shown() -> None:
    assert "w0rd" not in repr(Address(URL))
