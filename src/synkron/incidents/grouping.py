"""Joins many conditions of one kind into one incident of the fleet: an operator reads one message, not hundreds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeGuard

from synkron.incidents.condition import Condition, IncidentKind, Key
from synkron.text import minute, one_line

# The subject of an incident of the fleet.
FLEET = "*"
# More than this are joined. Joined ones stay so until few are left: otherwise a number that moves around one limit
# would be announced again and again.
JOIN_ABOVE = 20
APART_AT = 10
NAMED = 10
MOST_ORGANIZATIONS = 20


def join(
    conditions: Iterable[Condition], open_keys: Collection[Key], is_quiet: Callable[[Condition], bool]
) -> dict[Key, Condition]:
    """The conditions in their order, with too many of one kind joined.

    A quiet condition is not joined, as it is not announced. A condition that already has an incident keeps it.
    """
    distinct: dict[Key, Condition] = {}
    for one in conditions:
        distinct.setdefault(one.key, one)
    loud: defaultdict[IncidentKind, list[Condition]] = defaultdict(list)
    for one in distinct.values():
        if one.subject != FLEET and not is_quiet(one):
            loud[one.kind].append(one)
    for kind, many in loud.items():
        if len(many) > (APART_AT if (kind, FLEET) in open_keys else JOIN_ABOVE):
            for one in many:
                if one.key not in open_keys:
                    del distinct[one.key]
            distinct[kind, FLEET] = joined(many)
    return distinct


def joined(many: Sequence[Condition]) -> Condition:
    """One condition that says how many there are and lists the oldest."""
    oldest = sorted(many, key=lambda one: (one.since, one.subject))
    first, more = oldest[0], len(many) - NAMED
    lines = [f"- {one_line(one.title)}" for one in oldest[:NAMED]] + ([f"- and {more} more"] if more > 0 else [])
    since = minute(first.since)
    return Condition(
        kind=first.kind,
        subject=FLEET,
        title=f"{len(many)} at once: {first.title}; and {len(many) - 1} more",
        detail="\n".join([f"{len(many)} conditions of this kind exist now, the oldest since {since}:", *lines]),
        remedy=first.remedy,
        since=first.since,
        org_id=_common(one.org_id for one in many),
        integration_type=_common(one.integration_type for one in many),
        endpoint=_common(one.endpoint for one in many),
        touches=_touched(oldest),
    )


def _common(values: Iterable[str | None]) -> str | None:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _touched(many: Sequence[Condition]) -> Mapping[str, object]:
    """The organizations of all, and the sums of the counts."""
    organizations: dict[str, None] = {}
    most, sums = 0, Counter[str]()
    for one in many:
        named, total = one.organizations
        organizations |= dict.fromkeys(named)
        most = max(most, total)
        sums.update({name: number for name, number in one.touches.items() if is_count(number, name)})
    del sums["organizations_total"]
    return {
        "conditions": len(many),
        "organizations": list(organizations)[:MOST_ORGANIZATIONS],
        # At least this many: each condition may list only some of its organizations.
        "organizations_total": max(most, len(organizations)),
        **sums,
    }


def is_count(value: object, name: str) -> TypeGuard[int]:
    """Whether the value is a count; the number of a run, as in ``newest_run``, is not."""
    return isinstance(value, int) and not name.endswith("_run")
