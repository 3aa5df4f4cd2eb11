"""Processes that use different time zone rules. Pure: rows in, conditions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import listed


def tzdata_differs(nodes: Mapping[str, Sequence[str]], at: datetime) -> list[Condition]:
    """A condition if the running ``nodes`` use more than one version of tzdata."""
    if len(nodes) < 2:
        return []
    versions = sorted(nodes)
    whose = "; ".join(f"{version} on {listed(nodes[version])}" for version in versions)
    return [
        Condition(
            kind=IncidentKind.TZDATA_DIFFERS,
            subject="tzdata",
            title=f"Processes use different time zone rules: tzdata {listed(versions)}",
            detail=(
                f"{whose}. If the rules of a zone differ, the minute at which its integrations run depends on the "
                "scheduler that ticks. All workers deliver the runs that it claims."
            ),
            remedy=(
                f"Install tzdata {versions[-1]} on all hosts (the system's package tzdata; Python's if the system has "
                "none), and restart the processes. `synkron nodes` shows the version of each."
            ),
            since=at,
            touches={"versions": versions, "nodes": sum(len(names) for names in nodes.values())},
        )
    ]
