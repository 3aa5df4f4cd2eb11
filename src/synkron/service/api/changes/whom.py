"""Whom a change is about: integrations by their ids, all or none; or a scope. Nothing is guessed from names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from synkron.model import Scope
from synkron.service.api.changes.body import Body, Id
from synkron.service.api.changes.change import RequestedChange
from synkron.service.api.parameters import MOST_AT_ONCE

Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_AT_ONCE)]
ALLOWED = "give integration_ids; or org_id, integration_type or both; or everything"


class WhomBody(Body):
    """Several integrations; an organization, a type, or both; or everything that the actor may see."""

    integration_ids: Ids | None = None
    org_id: Id | None = None
    integration_type: Id | None = None
    everything: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> WhomBody:
        kinds = [self.integration_ids is not None, (self.org_id, self.integration_type) != (None, None)]
        if sum([*kinds, self.everything]) > 1:
            raise ValueError(ALLOWED)
        return self

    @property
    def is_named(self) -> bool:
        """Whether somebody is named."""
        return self.everything or (self.integration_ids, self.org_id, self.integration_type) != (None, None, None)

    def scopes(self, change: RequestedChange) -> list[Scope]:
        """The scopes that are meant, each once. Raises NotFound for an organization of others than the actor's."""
        if self.integration_ids is not None:
            return [Scope(integration_id=one) for one in dict.fromkeys(self.integration_ids)]
        return [Scope(change.organization(self.org_id), self.integration_type)]
