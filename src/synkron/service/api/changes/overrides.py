"""Set and unset what holds for one integration instead of its type's policy."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from synkron.operations import overrides
from synkron.scheduler.policies import OVERRIDABLE
from synkron.service.api.access import Operator
from synkron.service.api.answer import form
from synkron.service.api.changes.body import Body, Id, sent
from synkron.service.api.changes.change import Change
from synkron.service.api.changes.document import changing, outcome
from synkron.service.changes.overrides import ChangedOverride, overridden

router = APIRouter(tags=["overrides"])
Overridden = outcome("Overridden", form(ChangedOverride))
Overridable: TypeAlias = Literal[tuple(OVERRIDABLE)]  # type: ignore[valid-type]
Value = Annotated[str, Field(max_length=50)] | Annotated[int, Field(ge=0, le=1_000_000)]


class SetBody(Body):
    """The integration, and the values, written as in the settings."""

    integration_id: Id
    values: Annotated[dict[Overridable, Value], Field(min_length=1)]


class UnsetBody(Body):
    """The integration, and the keys for which its type's policy holds again; without keys, all."""

    integration_id: Id
    keys: Annotated[list[Overridable], Field(default_factory=list, max_length=len(OVERRIDABLE))]


@router.post("/v1/overrides/set", **changing(Overridden, SetBody))
async def set_(_: Operator, change: Change, body: Annotated[SetBody, Depends(sent(SetBody))]) -> Response:
    """Set values for one integration; others that are set stay."""
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    one, values = (
        body.integration_id,
        overrides.checked({str(key): value for key, value in body.values.items()}, settings),
    )
    return await change.answer(
        lambda _: overrides.plan_set(connection, settings, one, values, within=within),
        lambda: overrides.set_override(connection, settings, one, values, change.actor.name, within=within),
        overridden,
    )


@router.post("/v1/overrides/unset", **changing(Overridden, UnsetBody))
async def unset(_: Operator, change: Change, body: Annotated[UnsetBody, Depends(sent(UnsetBody))]) -> Response:
    """Let the type's policy hold again for an integration: for some keys, or for all."""
    connection, settings, within = change.connection, change.parts.settings, change.actor.org_id
    one, keys = body.integration_id, list(dict.fromkeys(body.keys))
    return await change.answer(
        lambda _: overrides.plan_unset(connection, settings, one, keys, within=within),
        lambda: overrides.unset_override(connection, settings, one, keys, change.actor.name, within=within),
        overridden,
    )
