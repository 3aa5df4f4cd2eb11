"""Processes that go by different rules for time zones. Pure: rows in, conditions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from synkron.incidents import Condition, Kind
from synkron.incidents.conditions.wording import listed


def tzdata_differs(nodes: Mapping[str, Sequence[str]], at: datetime) -> list[Condition]:
    """A condition where the running ``nodes`` go by more than one version of tzdata."""
    if len(nodes) < 2:
        return []
    versions = sorted(nodes)
    whose = "; ".join(f"{version} on {listed(nodes[version])}" for version in versions)
    return [
        Condition(
            kind=Kind.TZDATA_DIFFERS,
            subject="tzdata",
            title=f"The processes go by different rules for time zones: tzdata {listed(versions)}",
            detail=(
                f"{whose}. Where the rules of a zone differ, it depends on which scheduler ticks when its integrations "
                "fire. What one has claimed the others deliver."
            ),
            remedy=(
                f"Bring all hosts to {versions[-1]} (the system's package tzdata; Python's where the system has none), "
                "and restart the processes. `synkron nodes` shows each."
            ),
            since=at,
            touches={"versions": versions, "nodes": sum(len(names) for names in nodes.values())},
        )
    ]
