"""The settings where only a database is set, without the packages that check all that may be set.

To import these takes longer than a short command takes for its answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from synkron.settings.integrations import BUILT_IN
from synkron.settings.redaction import keys_in

if TYPE_CHECKING:
    from synkron.settings.load import Settings

CONFIG_FILE = Path("synkron.toml")
# The variables that may be set; of these, the last two are no settings.
KNOWN = {"SYNKRON_DATABASE_URL", "SYNKRON_DATA_DIR", "SYNKRON_AUTHOR", "SYNKRON_LOG_FORMAT"}


@dataclass(frozen=True)
class _Organizations:
    table: str = "organizations"
    id: str = "id"
    name: str = "name"
    timezone: str = "timezone"


@dataclass(frozen=True)
class _Integrations:
    table: str = "organization_integrations"
    id: str = "id"
    org_id: str = "org_id"
    integration_type: str = "integration_type"
    is_enabled: str = "is_enabled"
    cron_schedule: str = "cron_schedule"
    updated_at: str = ""


@dataclass(frozen=True)
class DefaultTables:
    """``SourceTables`` with its defaults."""

    schema_name: str = "public"
    organizations: _Organizations = _Organizations()
    integrations: _Integrations = _Integrations()

    data_api: bool = False

    @property
    def in_database(self) -> DefaultTables:
        """The tables that statements read."""
        return self


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the database, as ``SecretStr`` holds it."""

    text: str = field(repr=False)

    def get_secret_value(self) -> str:
        """The address itself."""
        return self.text


class QuickSettings:
    """Where the database is, and the application's two tables; all else is read when it is asked for."""

    def __init__(self, database_url: Address | None, data_dir: Path | None) -> None:
        self.database_url = database_url
        self.data_dir = data_dir
        self.source = DefaultTables()

    def secrets(self, environment: Mapping[str, str]) -> list[Address]:
        """What no text may show: of the address, and what the driver connects with where that holds no password."""
        found = {*keys_in(self.database_url.text, ())} if self.database_url else set()
        return [Address(text) for text in sorted(found | {environment.get("PGPASSWORD", "")}) if text]

    @cached_property
    def _whole(self) -> Settings:
        from synkron.settings.load import load_settings

        return load_settings()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever may be set
        return getattr(self._whole, name)


def type_names(settings: Settings | QuickSettings) -> Collection[str]:
    """The names of the integration types. Without a file, they are those that are built in."""
    return BUILT_IN if isinstance(settings, QuickSettings) else settings.types


def quick_settings(config: Path | None, environment: Mapping[str, str]) -> QuickSettings | None:
    """The settings, where there is no file and at most a database is set, without a fault; else None."""
    set_ = {name: text for name, text in environment.items() if name.upper().startswith("SYNKRON_")}
    if config is not None or CONFIG_FILE.exists() or not KNOWN.issuperset(set_):
        return None
    address, folder = set_.get("SYNKRON_DATABASE_URL"), set_.get("SYNKRON_DATA_DIR")
    if folder == "" or not (address is None or _is_plain(address)):
        return None
    return QuickSettings(Address(address) if address else None, Path(folder) if folder else None)


def _is_plain(address: str) -> bool:
    """Whether nobody could find fault with the address."""
    if not re.match(r"postgres(ql)?://", address) or "," in address:
        return False
    try:
        _ = urlsplit(address).port
    except ValueError:
        return False
    return True
