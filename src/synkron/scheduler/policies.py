"""Overrides, pauses and holds that a tick obeys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_type_hints

from asyncpg import Record

from synkron.model import Integration
from synkron.postgres.connection import Executor
from synkron.postgres.statements import statements
from synkron.settings.policy import Policies, Policy

SQL = statements("scheduler/policies")

# What belongs to a whole type. The rest of a policy may be set for one integration, and is read as its field's type.
OF_TYPE = {"catch_up_newest", "pace", "concurrency"}
OVERRIDABLE: Mapping[str, Any] = {key: kind for key, kind in get_type_hints(Policy).items() if key not in OF_TYPE}


async def read_policies(
    connection: Executor, by_type: Mapping[str, Policy], integrations: Collection[Integration]
) -> Policies:
    """The policies of these integrations, all of known types."""
    types = {one.integration_id: one.integration_type for one in integrations}
    rows = await connection.fetch(SQL["overrides"], list(types)) if types else []
    return Policies(
        by_type, {row["integration_id"]: overridden(by_type[types[row["integration_id"]]], row) for row in rows}
    )


def overridden(policy: Policy, row: Record) -> Policy:
    """The policy with the values of a row of ``synkron.overrides``."""
    return replace(
        policy,
        catch_up_newest=policy.catch_up_newest and row["catch_up_window"] is None,
        **{
            key: row[key] if read is timedelta else read(row[key])
            for key, read in OVERRIDABLE.items()
            if row[key] is not None
        },
    )
