"""Who asks, and what they may. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What somebody may: look; also step in (pause, trigger, retry); also change who may what. Each has the former."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: Permission) -> bool:
        """Whether who has this may do what needs the other."""
        ranks = list(Permission)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: ``token:NAME`` or ``person:NAME``, which is the author in the audit.

    With an ``org_id``, it is tied to one organization, and sees nothing of others.
    """

    name: str
    permission: Permission
    org_id: str | None = None
