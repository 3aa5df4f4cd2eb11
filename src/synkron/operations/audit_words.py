"""A change of the audit in words: whom it was about, names first, and what it changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from synkron.operations.audit import AuditEntry
from synkron.text import called, instant, own_name

# What has an owner beside its own name.
OWNED = re.compile(r"(run|incident) \d+|(person|token) .+")
MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?Z$")
FIRST, LAST = {"reason", "from"}, {"error", "key"}
# The facts that operations record, beside the values of an override.
FACTS = (
    *("reason", "until", "author", "pause", "silence", "endpoint", "ended_at"),
    *("run", "runs", "first", "from", "to", "key", "period_start", "period_end", "state", "failures", "error"),
    *("incident", "kind", "title", "acknowledged_at", "channels", "modes"),
    *("permission", "organization", "expires_at", "revoked_at", "disabled", "ended_sessions", "by"),
    *("installation", "name", "as", "at", "watermark"),
    "recorded",
)


class AuditSubject(NamedTuple):
    """Whom or what a change was about.

    ``what`` is a run, incident, person or token, or else what was recorded where the names no longer say it.
    """

    what: str | None
    organization: str | None
    integration_type: str | None

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.what, " ".join(filter(None, self[1:])))))


class Differing(NamedTuple):
    """A fact that a change has set, changed or removed: None is nothing. One ``is_past`` is of what ended."""

    name: str
    before: str | None
    after: str | None
    is_past: bool


def about(entry: AuditEntry, names: Mapping[str, str]) -> AuditSubject:
    """Whom or what it was about, by the names of now; by that of then, if the organization is gone."""
    organization = called(names.get(entry.org_id), entry.org_id) if entry.org_id else None
    if owned := _owned(entry):
        return AuditSubject(owned, organization, entry.integration_type)
    if entry.org_id in names:
        return AuditSubject(None, organization, entry.integration_type)
    return AuditSubject(entry.subject, None, None)


def differing(entry: AuditEntry, names: Mapping[str, str], *, yes: str = "yes", no: str = "no") -> Iterator[Differing]:
    """The facts in which the state after the change differs from the one before, the most telling first.

    Those that only the state before has come last; those of a pause that was resumed are all so. Left out is what the
    entry has said: its moment, and its subject.
    """
    words = {True: yes, False: no}
    before, after = _facts(entry.before, names), {} if entry.action == "resume" else _facts(entry.after, names)
    for name in sorted({**before, **after}, key=lambda name: (name not in after, _place(name))):
        one, other = before.get(name), after.get(name)
        if one != other and other != instant(entry.at) and f"{name} {other}" != _owned(entry):
            yield Differing(name, _written(one, words), _written(other, words), name not in after)


def _owned(entry: AuditEntry) -> str | None:
    found = OWNED.match(entry.subject)
    return found and found[0]


def _place(name: str) -> int:
    return -1 if name in FIRST else 1 if name in LAST else 0


def _facts(facts: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, Any]:
    """The facts by name; none if somebody has written something else. Those of a single run are the entry's own."""
    found = dict(facts) if isinstance(facts, Mapping) else {}
    match found.get("runs"):
        case [dict() as run]:
            del found["runs"]
            found = {**run, **found}
    if isinstance(author := found.get("author"), str):
        found["author"] = own_name(author)
    if "org_id" in found:
        org_id = found.pop("org_id")
        found["organization"] = names.get(org_id, org_id) if isinstance(org_id, str) else org_id
    return found


def _written(value: Any, words: Mapping[bool, str]) -> str | None:  # noqa: ANN401 (whatever JSON holds)
    match value:
        case None:
            return None
        case bool():
            return words[value]
        case str():
            return MOMENT.sub(r"\1 \2 UTC", value)
        case list():
            between = "; " if any(isinstance(one, dict) for one in value) else ", "
            return between.join(filter(None, (_written(one, words) for one in value)))
        case dict():
            told = ((str(name).replace("_", " "), fact) for name, fact in value.items() if fact is not None)
            return ", ".join(f"{name} {_written(fact, words)}" for name, fact in told)
    return str(value)
