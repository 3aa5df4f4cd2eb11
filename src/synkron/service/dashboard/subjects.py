"""What a change is about, as people know it: names first, ids after them. Pure."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from synkron.text import printable

# As ``synkron.operations.scope.subject_of`` says it, for the audit and the commands.
INTEGRATION = re.compile(r"integration (?P<id>\S+) \((?P<type>.+?) of (?P<name>.+)\)", re.DOTALL)
ORGANIZATION = re.compile(
    r"(?:type (?P<type>.+?) of )?organization (?P<id>\S+) \((?P<name>.+?)\)(?P<rest>, endpoint .+)?", re.DOTALL
)


def called(name: str | None, ident: str) -> str:
    """The name; where that is blank, so that there is nothing to see or to follow, the id."""
    return name if name and name.strip() else ident


def names_first(subject: str) -> Markup:
    """The organization's name and the type, with the id below; any other subject as it is."""
    found = INTEGRATION.fullmatch(subject) or ORGANIZATION.fullmatch(subject)
    if found is None:
        return escape(printable(subject))
    parts = found.groupdict()
    told = " ".join(filter(None, (parts["name"], parts["type"]))) + (parts.get("rest") or "")
    return Markup("{} <small>{}</small>").format(printable(told), printable(parts["id"]))
