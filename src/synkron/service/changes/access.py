"""Tokens that are made or revoked, and ledgers that are adopted, in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from synkron.service.forms import held_by

if TYPE_CHECKING:
    from synkron.ledger.installation import Installation
    from synkron.operations.access.tokens import Token
    from synkron.operations.adopt import AdoptionPlan


@dataclass(frozen=True, slots=True)
class Adoption:
    """Where this ledger was and where it is, and what it missed; ``unfinished`` runs are in it."""

    installation_id: str
    installation_name: str | None
    stood: str
    stands: str
    is_at_home: bool
    watermark: datetime | None
    missed: int
    unfinished: int


def adopted(plan: AdoptionPlan, done: Installation | None) -> Mapping[str, object]:
    """The ledger as it is then; as it is now in a dry run."""
    found = done or plan.installation
    facts = held_by(
        Adoption(
            str(found.id),
            plan.name,
            str(plan.installation.stood),
            str(found.stands),
            found.is_at_home,
            plan.watermark,
            plan.occurrences,
            plan.running + plan.claimed,
        )
    )
    return {"as": plan.adopted, **facts}


def created(_: object, made: tuple[Token, str | None] | None) -> Mapping[str, object]:
    """The token and its secret, which is shown once; null in a dry run."""
    return {"token": made and held_by(made[0], "token"), "secret": made and made[1]}


def revoked(found: Token, done: Token | None) -> Mapping[str, object]:
    """The token, as it is after the change; before it in a dry run."""
    return {"token": held_by(done or found, "token")}
