"""Settings: ``synkron.toml`` and the environment as one frozen value. All errors are reported at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as EnvironmentFault

from synkron.errors import SettingsError
from synkron.settings.api import ApiSettings
from synkron.settings.integrations import BUILT_IN, FLAVOURS
from synkron.settings.integrations.naming import section_of, toml_key
from synkron.settings.policy import Policy
from synkron.settings.quick import CONFIG_FILE, KNOWN
from synkron.settings.reports import Reports, checked
from synkron.settings.sections import (
    AnnounceSettings,
    HealthSettings,
    IntegrationsTable,
    OrganizationsTable,
    SourceTables,
    SupabaseSettings,
    TypeSettings,
)
from synkron.settings.values import (
    DatabaseAddress,
    Duration,
    InstallationName,
    Listen,
    PositiveDuration,
    SecretAddress,
    SecretReference,
    TypeName,
)
from synkron.settings.variables import PREFIX, misspelt

__all__ = [
    "SECRET_KEYS",
    "AnnounceSettings",
    "HealthSettings",
    "IntegrationsTable",
    "OrganizationsTable",
    "Settings",
    "SourceTables",
    "SupabaseSettings",
    "TypeSettings",
    "fault_in",
    "load_settings",
]


def load_settings(path: Path | None = None) -> Settings:
    """Read ``path`` (or ``synkron.toml`` in the working directory, if it exists) and the environment.

    Variables are named ``SYNKRON_KEY``, for nested keys ``SYNKRON_SOURCE__SCHEMA``; they override the file.
    Raises SettingsError with all errors.
    """
    file = path or CONFIG_FILE
    if path is not None and not path.is_file():
        raise SettingsError([f"{path}: there is no such file; give --config the path of a synkron.toml"])
    try:
        text = file.read_text("utf-8") if file.is_file() else ""
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: this is not TOML: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: this file can't be read: {error.strerror}"]) from None
    known = {name.upper() for name in Settings.model_fields} | {name.removeprefix(PREFIX) for name in KNOWN}
    slips = list(misspelt(os.environ, known, text))
    try:
        settings = Settings(**written)
    except EnvironmentFault as error:
        field = re.findall(r'"(\w+)"', str(error))[:1]
        fault = f"SYNKRON_{''.join(field).upper()}: expected JSON, because this key is a section"
        raise SettingsError([fault]) from None
    except ValidationError as error:
        faults = error.errors()
        raise SettingsError([*slips, *map(fault_in, faults)], _without(written, faults)) from None
    if slips:
        raise SettingsError(slips, settings)
    return settings


def _without(written: dict[str, Any], faults: list[ErrorDetails]) -> Settings | None:
    """The settings without the invalid keys; None if those are invalid as well."""
    left = deepcopy(written)
    for fault in faults:
        *sections, last = [str(key) for key in fault["loc"] if key != "[key]"]
        section: Any = left
        for name in sections:
            section = section.get(name, {}) if isinstance(section, dict) else {}
        if isinstance(section, dict):
            section.pop(last, None)
    try:
        return Settings(**left)
    except (ValidationError, EnvironmentFault):
        return None


def _with_built_in(types: Mapping[str, object]) -> Mapping[str, object]:
    return {name: {} for name in BUILT_IN} | types if isinstance(types, dict) else types


class _Environment(EnvSettingsSource):
    """The variables. Their names are in capitals, so a type's name is matched with the file's in any case."""

    def __init__(self, settings_cls: type[BaseSettings], written: Mapping[str, object]) -> None:
        super().__init__(settings_cls)
        self._written = written

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        if isinstance(types := found.get("types"), dict):
            found["types"] = {self._as_written(name): one for name, one in types.items()}
        return found

    def _as_written(self, name: str) -> str:
        alike = [one for one in self._written if one.lower() == name]
        return alike[0] if len(alike) == 1 and name not in self._written else name


class Settings(BaseSettings):
    """All settings, frozen. ``types`` contains the built-in types and those that the operator adds."""

    model_config = SettingsConfigDict(
        env_prefix="SYNKRON_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    database_url: DatabaseAddress | None = None
    data_dir: Path | None = None
    source: SourceTables = SourceTables()
    supabase: SupabaseSettings = SupabaseSettings()
    installation: InstallationName | None = None
    types: Annotated[Mapping[TypeName, TypeSettings], BeforeValidator(_with_built_in)] = {}
    announce: AnnounceSettings = AnnounceSettings()
    reports: Reports = ()
    heartbeat_url: SecretAddress | None = None
    heartbeat_failure_url: SecretAddress | None = None
    listen: Listen = "127.0.0.1:8077"
    api: ApiSettings = ApiSettings()
    tick_secret: SecretReference | None = None
    heartbeat: PositiveDuration = timedelta(seconds=30)
    shutdown_grace: Duration = timedelta(seconds=10)
    retention: PositiveDuration = timedelta(days=400)

    @field_validator("types")
    @classmethod
    def _has_its_own_flavour(cls, types: Mapping[str, TypeSettings]) -> Mapping[str, TypeSettings]:
        for name, one in types.items():
            if one.flavour and one.flavour not in FLAVOURS.get(name, ()):
                raise PydanticCustomError(
                    "flavour",
                    "{name} has no flavour {flavour}; remove {section}.flavour",
                    {"name": name, "flavour": one.flavour, "section": section_of(name)},
                )
        return {name: one.named(name) for name, one in types.items()}

    @field_validator("reports")
    @classmethod
    def _can_be_announced(cls, reports: Reports, known: ValidationInfo) -> Reports:
        if "announce" in known.data:
            checked(reports, known.data["announce"].channels)
        return reports

    @field_validator("retention")
    @classmethod
    def _outlasts_catch_up(cls, retention: timedelta, known: ValidationInfo) -> timedelta:
        """A moment that can still be caught up must still be in the ledger, or it could run twice."""
        longest = max((one.catch_up_window for one in known.data.get("types", {}).values()), default=timedelta())
        if retention <= longest:
            raise PydanticCustomError(
                "retention",
                "expected a duration longer than the longest catch_up_window ({days} days)",
                {"days": longest / timedelta(days=1)},
            )
        return retention

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: object, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the file, whose values arrive as the arguments."""
        written = init_settings().get("types")
        return _Environment(settings_cls, written if isinstance(written, dict) else {}), init_settings

    @property
    def policies(self) -> dict[str, Policy]:
        """The policy of each integration type, by its name."""
        return {name: one.policy for name, one in self.types.items()}


# The values of these keys may be secret: no message shows them.
SECRET_KEYS = {
    "database_url",
    "target",
    "secret",
    "headers",
    "url",
    "body",
    "client_secret",
    "secret_key",
    "channels",
    "heartbeat_url",
    "heartbeat_failure_url",
    "tick_secret",
}


def fault_in(detail: ErrorDetails) -> str:
    """One sentence: the key, the expected value, and the value found."""
    keys = [str(key) for key in detail["loc"] if key != "[key]"]
    name = ".".join(toml_key(key) for key in keys)
    if detail["type"] == "extra_forbidden":
        return f"{name}: this key does not exist; allowed here: {', '.join(_allowed(keys[:-1]))}"
    expected = detail["msg"].replace("Input should be", "expected")
    return f"{name}: {expected}{_found(keys, detail['input'])}"


def _found(keys: list[str], value: object) -> str:
    """The value found, unless it may contain a secret: not a whole section, and not under a secret key."""
    if (keys[0] == "types" and len(keys) < 3) or SECRET_KEYS & set(keys) or not isinstance(value, str | int | float):
        return ""
    return f"; found {value!r}"


def _allowed(keys: list[str]) -> list[str]:
    """The keys of the section that ``keys`` lead to."""
    section: type[BaseModel] = Settings
    for key in keys:
        if key in section.model_fields:
            section = next(_sections_in(section.model_fields[key].annotation), section)
    return [field.alias or name for name, field in section.model_fields.items()]


def _sections_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The sections that an annotation is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections_in(part)
