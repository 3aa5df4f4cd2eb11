"""The built-in integration types. A new one is one file of data and one line here.

An operator adds further types in ``synkron.toml`` with a section ``[types.NAME]``.
"""

from __future__ import annotations

from synkron.settings.integrations.bufdir import BUFDIR
from synkron.settings.integrations.dynamics import BUSINESS_CENTRAL, DATAVERSE
from synkron.settings.integrations.profile import SHORTEST_INTERVAL, Profile, Request
from synkron.settings.integrations.xledger import XLEDGER

__all__ = ["BUILT_IN", "FLAVOURS", "PROFILES", "SHORTEST_INTERVAL", "Profile", "Request", "profile_of"]

# If a type has several flavours, the first one here is its default.
PROFILES: tuple[Profile, ...] = (XLEDGER, BUSINESS_CENTRAL, DATAVERSE, BUFDIR)


def profile_of(name: str, flavour: str = "") -> Profile:
    """The profile of a type. A type that is not built in has the defaults and its name."""
    for profile in PROFILES:
        if profile.name == name and flavour in ("", profile.flavour):
            return profile
    return Profile(name=name, title=name, source="declared in the settings")


BUILT_IN: dict[str, Profile] = {name: profile_of(name) for name in dict.fromkeys(one.name for one in PROFILES)}
FLAVOURS: dict[str, tuple[str, ...]] = {
    name: tuple(one.flavour for one in PROFILES if one.name == name and one.flavour) for name in BUILT_IN
}
