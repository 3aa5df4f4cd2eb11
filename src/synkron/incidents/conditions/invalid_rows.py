"""Rows that can't run. Pure: the last tick's invalid rows in, conditions out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.conditions.wording import MOST_APART, Names, listed, organization, touched
from synkron.model import Fault, InvalidIntegration
from synkron.source.due import briefly
from synkron.text import several

KINDS: Mapping[Fault, IncidentKind] = {
    Fault.SCHEDULE: IncidentKind.INVALID_SCHEDULE,
    Fault.ORGANIZATION: IncidentKind.NO_ORGANIZATION,
    Fault.ZONE: IncidentKind.UNKNOWN_ZONE,
    Fault.TYPE: IncidentKind.UNKNOWN_TYPE,
    Fault.ROW: IncidentKind.INVALID_ROW,
    Fault.INTERNAL: IncidentKind.INVALID_ROW,
}
REMEDIES: Mapping[Fault, str] = {
    Fault.SCHEDULE: "Correct its `cron_schedule`, or disable the row.",
    Fault.ORGANIZATION: "Add the organization, or disable the row.",
    Fault.ZONE: "Correct the organization's zone: an IANA name such as Europe/Oslo, or an offset.",
    Fault.TYPE: "Add a section for the type to synkron.toml, or correct the row.",
    Fault.ROW: "Correct the row, or disable it.",
    Fault.INTERNAL: "This is a fault in Synkron: report it, with the traceback in the log. Disable the row meanwhile.",
}
REASONS: Mapping[Fault, str] = {
    Fault.SCHEDULE: "their schedule is invalid",
    Fault.ORGANIZATION: "their organization is missing",
    Fault.ZONE: "their organization's time zone is unknown",
    Fault.TYPE: "their integration type is unknown",
    Fault.ROW: "their row is invalid",
    Fault.INTERNAL: "Synkron has an internal fault",
}

# The moments of these are put on hold (synkron.held); those of the others are not known.
HELD = (Fault.TYPE, Fault.ORGANIZATION)
# All integrations of an organization have these at once.
OF_ORGANIZATION = (Fault.ZONE, Fault.ORGANIZATION)


def invalid(rows: Sequence[InvalidIntegration], names: Names, at: datetime) -> list[Condition]:
    """One condition for each row, or organization that is at fault; a single one if very many have the same fault."""
    by_fault: dict[Fault, dict[str, list[InvalidIntegration]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_fault[row.fault][_subject(row)].append(row)
    found = []
    for fault, apart in sorted(by_fault.items()):
        if len(apart) > MOST_APART:
            found.append(_many(fault, [row for alike in apart.values() for row in alike], at))
        elif fault in OF_ORGANIZATION:
            found += [_whole(subject, alike, names, at) for subject, alike in apart.items()]
        else:
            found += [_one(row, names, at) for alike in apart.values() for row in alike]
    return found


def _subject(row: InvalidIntegration) -> str:
    return f"organization {row.org_id}" if row.fault in OF_ORGANIZATION else row.integration_id


def _whole(subject: str, rows: Sequence[InvalidIntegration], names: Names, at: datetime) -> Condition:
    """The condition of an organization, none of whose integrations can run."""
    one, types = _one(rows[0], names, at), {row.integration_type for row in rows}
    if len(rows) == 1:
        return replace(one, subject=subject)
    return replace(
        one,
        subject=subject,
        title=f"{len(rows)} integrations of {organization(rows[0].org_id, names)} can't run: {briefly(rows[0])}",
        detail=(
            f"They are enabled, but every tick leaves them out ({listed(sorted(types))}). No other organization is "
            f"affected.{_what_is_allowed(rows[0])}{_what_of_its_moments(rows[0].fault)}"
        ),
        integration_type=one.integration_type if len(types) == 1 else None,
        touches=touched([rows[0].org_id], integrations=len(rows)),
    )


def _one(row: InvalidIntegration, names: Names, at: datetime) -> Condition:
    whose = f"{row.integration_type} of {organization(row.org_id, names)}"
    return Condition(
        kind=KINDS[row.fault],
        subject=row.integration_id,
        title=f"{whose} can't run: {briefly(row)}",
        detail=(
            f"Integration {row.integration_id} is enabled, but every tick leaves it out. No other is affected."
            f"{_what_is_allowed(row)}{_what_of_its_moments(row.fault)}"
        ),
        remedy=f"{REMEDIES[row.fault]} `synkron check` lists all rows that can't run.",
        since=at,
        org_id=row.org_id,
        integration_type=row.integration_type,
        touches=touched([row.org_id], integrations=1),
    )


def _many(fault: Fault, rows: Sequence[InvalidIntegration], at: datetime) -> Condition:
    example = rows[0]
    types = {row.integration_type for row in rows}
    return Condition(
        kind=KINDS[fault],
        subject=f"many: {fault}",
        title=f"{several(len(rows), 'integration')} can't run: {REASONS[fault]}",
        detail=(
            f"They are enabled, but every tick leaves them out. For example, {example.integration_id} of organization "
            f"{example.org_id}: {example.reason}.{_what_of_its_moments(fault)}"
        ),
        remedy=f"`synkron check` lists them. {REMEDIES[fault]}",
        since=at,
        integration_type=example.integration_type if len(types) == 1 else None,
        touches=touched((row.org_id for row in rows), integrations=len(rows)),
    )


def _what_is_allowed(row: InvalidIntegration) -> str:
    return "" if briefly(row) == row.reason else f" The reason in full: {row.reason}."


def _what_of_its_moments(fault: Fault) -> str:
    return (
        " What comes due meanwhile is on hold; the catch-up policy decides it when this is corrected."
        if fault in HELD
        else ""
    )
