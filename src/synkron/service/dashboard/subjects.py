"""What a change is about, as people know it: names first, ids after them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from synkron.text import called, printable


def names_first(
    names: Mapping[str, str], org_id: str, integration_type: str | None = None, integration_id: str | None = None
) -> Markup:
    """The organization's name and the type, with the id of the integration, or else of the organization, below."""
    told = " ".join(filter(None, (called(names.get(org_id), org_id), integration_type)))
    return Markup("{} <small>{}</small>").format(printable(told), printable(integration_id or org_id))
