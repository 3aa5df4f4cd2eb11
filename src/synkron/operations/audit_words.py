"""A change of the audit in words: whom it was about, names first, and what it changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from synkron.operations.audit import AuditEntry
from synkron.text import called, instant

# How the scopes of integrations and organizations are recorded (operations.scope), with what a silence adds.
SCOPE = re.compile(
    r"integration .+? \((?P<type>.+?) of (?P<name>.+)\)"
    r"|(?:type (?P<kind>.+?) of )?organization .+? \((?P<organization>.+)\)(?P<rest>, endpoint .+)?"
)
OWNED = re.compile(r"(run|incident|person|token) .*")
MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?Z$")
# Of this action, what is not in the state after was taken away. Others leave out what stays.
TAKES_AWAY = "end override"
FIRST, LAST = {"reason", "from"}, {"error", "key"}


class Differing(NamedTuple):
    """A fact that a change has set, changed or removed, or what ended with it: None is nothing."""

    name: str
    before: str | None
    after: str | None


def about(entry: AuditEntry, names: Mapping[str, str]) -> str:
    """Whom or what it was about: the organization's name and the type, or the run, incident, person or token."""
    if found := SCOPE.fullmatch(entry.subject):
        name, kind = found["name"] or found["organization"], found["type"] or found["kind"]
        return " ".join(filter(None, (name, kind))) + (found["rest"] or "")
    if not OWNED.fullmatch(entry.subject):
        return entry.subject
    owner = (called(names.get(entry.org_id), entry.org_id) if entry.org_id else None, entry.integration_type)
    return ", ".join(filter(None, (_short(entry.subject), " ".join(filter(None, owner)))))


def differing(entry: AuditEntry, names: Mapping[str, str]) -> Iterator[Differing]:
    """The facts in which the state after the change differs from the one before, the most telling first.

    What ended keeps its facts. Left out is what the entry has said already: its own moment, and its subject.
    """
    before, after = _facts(entry.before, names), _facts(entry.after, names)
    for name in sorted({**before, **after}, key=_place):
        one, other = before.get(name), after.get(name)
        if name not in after and entry.action != TAKES_AWAY:
            one, other = None, one
        if one != other and other != instant(entry.at) and f"{name} {other}" != _short(entry.subject):
            yield Differing(name, _written(one), _written(other))


def _place(name: str) -> int:
    return -1 if name in FIRST else 1 if name in LAST else 0


def _facts(facts: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, Any]:
    """The facts by name. Those of a single run are the entry's own."""
    found = dict(facts or {})
    match found.get("runs"):
        case [dict() as run]:
            del found["runs"]
            found = {**run, **found}
    if "org_id" in found:
        org_id = found.pop("org_id")
        found["organization"] = names.get(org_id, org_id)
    return found


def _short(subject: str) -> str:
    """The subject without what is known of an incident, which its title says."""
    return re.sub(r"(incident \d+) \(.*\)", r"\1", subject)


def _written(value: Any) -> str | None:  # noqa: ANN401 (whatever JSON holds)
    match value:
        case None:
            return None
        case str():
            return MOMENT.sub(r"\1 \2 UTC", value)
        case [*several] if any(isinstance(one, dict) for one in several):
            return "; ".join(_written(one) or "" for one in several)
        case dict():
            told = ((str(name).replace("_", " "), _written(fact)) for name, fact in value.items())
            return ", ".join(f"{name} {fact}" for name, fact in told if fact is not None)
    return json.dumps(value, ensure_ascii=False)
