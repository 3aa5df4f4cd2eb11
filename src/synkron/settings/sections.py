"""The sections of the settings: each is frozen, and gives the allowed values and the defaults of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from synkron.settings.integrations import Profile, profile_of
from synkron.settings.policy import CatchUp, Overlap, Policy
from synkron.settings.supabase import function_in
from synkron.settings.values import (
    Address,
    ChannelName,
    Code,
    Duration,
    Flavour,
    Identifier,
    LateAfter,
    Method,
    OptionalIdentifier,
    PositiveDuration,
    ProbeInterval,
    SafeMethod,
    SecretReference,
    ShortDuration,
    Target,
)

DEFAULT = Policy()


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OrganizationsTable(Section):
    """The table of organizations. ``timezone = ""`` means that it has no such column: all organizations are in UTC."""

    table: Identifier = "organizations"
    id: Identifier = "id"
    name: Identifier = "name"
    timezone: OptionalIdentifier = "timezone"


class IntegrationsTable(Section):
    """The table of integrations. ``updated_at = ""`` means that it has no such column."""

    table: Identifier = "organization_integrations"
    id: Identifier = "id"
    org_id: Identifier = "org_id"
    integration_type: Identifier = "integration_type"
    is_enabled: Identifier = "is_enabled"
    cron_schedule: Identifier = "cron_schedule"
    updated_at: OptionalIdentifier = ""


class SourceTables(Section):
    """The names of the application's own two tables and of their columns."""

    schema_name: Identifier = Field(default="public", alias="schema")
    organizations: OrganizationsTable = OrganizationsTable()
    integrations: IntegrationsTable = IntegrationsTable()

    data_api: bool = False

    @property
    def in_database(self) -> SourceTables:
        """The tables that statements read: the application's own, or behind a Data API their mirror (source.mirror)."""
        return MIRROR if self.data_api else self


MIRROR = SourceTables(
    schema="synkron",
    organizations=OrganizationsTable(table="mirrored_organizations"),
    integrations=IntegrationsTable(table="mirrored_integrations", updated_at="updated_at"),
)


class SupabaseSettings(Section):
    """The Supabase project whose Edge Functions are targets or whose Data API is the source, and its secret key."""

    url: Address | None = Field(default=None, repr=False)
    secret_key: SecretReference | None = None


class HealthMode(StrEnum):
    """How the health of a type's vendor is measured: by runs and probes, or by runs alone."""

    ACTIVE = "active"
    PASSIVE = "passive"


class TokenSettings(Section):
    """The OAuth 2 client credentials with which a probe gets its token."""

    url: Address = Field(repr=False)
    client_id: str = Field(min_length=1)
    client_secret: SecretReference
    scope: str | None = None


class HealthSettings(Section):
    """How a type's vendor is watched. None means: as in the vendor's profile (``integrations``)."""

    mode: HealthMode = HealthMode.ACTIVE
    url: Address | None = Field(default=None, repr=False)
    method: Method | None = None
    headers: Mapping[str, str] = Field(default={}, repr=False)
    body: str | None = Field(default=None, repr=False)
    token: TokenSettings | None = None
    interval: ProbeInterval | None = None
    timeout: ShortDuration | None = None
    slow_after: PositiveDuration | None = None
    allowance: int | None = Field(default=None, ge=1, le=1_000_000_000)
    allowance_share: float = Field(default=0.1, gt=0, le=1)
    throttled_codes: Mapping[Code, Duration] = {}
    hold: Duration = timedelta()

    @model_validator(mode="after")
    def _notices_recovery(self) -> HealthSettings:
        if self.hold and self.mode is HealthMode.PASSIVE:
            raise PydanticCustomError(
                "hold",
                "hold needs probes, which notice that the vendor is back; set mode to active, or remove hold",
            )
        return self


class WarmUpSettings(Section):
    """How a type's target is made warm before its runs. None means: as in the vendor's profile."""

    enabled: bool = True
    method: SafeMethod | None = None
    keep_warm: Duration | None = None


class TypeSettings(Section):
    """One integration type: its target, the policy of its runs (``model.Policy``), and its vendor's health."""

    target: Target | None = Field(default=None, repr=False)
    secret: SecretReference | None = None
    headers: Mapping[str, str] = Field(default={}, repr=False)
    flavour: Flavour = ""
    health: HealthSettings = HealthSettings()
    warm_up: WarmUpSettings = WarmUpSettings()
    catch_up: CatchUp = DEFAULT.catch_up
    catch_up_window: Duration = DEFAULT.catch_up_window
    overlap: Overlap = DEFAULT.overlap
    spread: Duration = DEFAULT.spread
    pace: int | None = Field(DEFAULT.pace, ge=1, le=1_000_000)
    concurrency: int = Field(DEFAULT.concurrency, ge=1, le=10_000)
    attempts: int = Field(DEFAULT.attempts, ge=1, le=100)
    backoff: PositiveDuration = DEFAULT.backoff
    timeout: PositiveDuration = DEFAULT.timeout
    completion_timeout: PositiveDuration = DEFAULT.completion_timeout

    _profile: Profile = PrivateAttr()

    def named(self, name: str) -> TypeSettings:
        """The same, with what is known of the type of that name and this flavour as its ``profile``."""
        found = self.model_copy()
        found._profile = profile_of(name, self.flavour)  # noqa: SLF001 - of the same class
        return found

    @property
    def profile(self) -> Profile:
        """What is known of the type, for what is not set here. Only types that are ``named`` have one."""
        return self._profile

    @property
    def throttled_codes(self) -> Mapping[str, timedelta]:
        """The vendor's words for "too much", each with the wait where no reset is named."""
        return {**self.profile.throttled_codes, **self.health.throttled_codes}

    @property
    def is_http(self) -> bool:
        """Whether the target is called by HTTP."""
        return self.target is not None and ("://" in self.target or function_in(self.target) is not None)

    @property
    def keep_warm(self) -> timedelta:
        """How long after a request the target is taken to be warm."""
        return self.profile.keep_warm if self.warm_up.keep_warm is None else self.warm_up.keep_warm

    @property
    def policy(self) -> Policy:
        """The part of these settings that the pure decisions need."""
        keys = (one.name for one in fields(Policy) if one.name != "catch_up_newest")
        is_newest_in = "catch_up_window" not in self.model_fields_set
        return Policy(catch_up_newest=is_newest_in, **{key: getattr(self, key) for key in keys})


class ChannelSettings(Section):
    """One channel: an Apprise URL (or an ``env:NAME`` or ``file:PATH`` that points to it), or a signed webhook."""

    apprise: SecretStr | None = None
    webhook: Address | None = Field(default=None, repr=False)
    secret: SecretReference | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> ChannelSettings:
        if (self.apprise is None) == (self.webhook is None):
            raise PydanticCustomError("channel", "expected either an Apprise URL or a webhook with a secret")
        if (self.webhook is None) != (self.secret is None):
            raise PydanticCustomError(
                "channel", "a webhook needs a secret, which signs its messages; an Apprise URL takes no secret"
            )
        return self


def _channel(value: object) -> object:
    return {"apprise": value} if isinstance(value, str) else value


Channel = Annotated[ChannelSettings, BeforeValidator(_channel)]


class AnnounceSettings(Section):
    """Where incidents are announced, besides the log, and when."""

    channels: Mapping[ChannelName, Channel] = {}
    late_after: LateAfter = timedelta(minutes=5)
    remind_every: PositiveDuration = timedelta(hours=24)
    settle: Duration = timedelta(minutes=5)
