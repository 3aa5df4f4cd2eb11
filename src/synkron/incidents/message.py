"""What people and programs are told about an incident. Pure: an incident in, a message out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.grouping import FLEET, is_count
from synkron.incidents.lifecycle import Incident, Occasion
from synkron.text import instant, minute, one_line, printable

# Chat services cut or refuse what is longer than about 2,000 characters. The webhook gets the whole text.
LONGEST_TITLE = 200
LONGEST_DETAIL = 1000
LONGEST_REMEDY = 400
LONGEST_LISTED = 150
MOST_LISTED = 10
ORGANIZATIONS_SHOWN = 10
OF_ROWS = {
    IncidentKind.INVALID_SCHEDULE,
    IncidentKind.UNKNOWN_ZONE,
    IncidentKind.UNKNOWN_TYPE,
    IncidentKind.NO_ORGANIZATION,
    IncidentKind.INVALID_ROW,
}
ENDINGS = {
    Occasion.OPENED: "opened together",
    Occasion.REMINDED: "are still open",
    Occasion.CLOSED: "have ended together",
}
NAMELESS: Mapping[str, str] = {}
BEGINNINGS = {Occasion.OPENED: "opened", Occasion.REMINDED: "still open", Occasion.CLOSED: "closed"}


class Tone(StrEnum):
    """What a message means."""

    ALARM = "alarm"
    ALL_CLEAR = "all_clear"
    TRIAL = "trial"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is sent. ``id`` is the same each time that it is sent, ``at`` is when it is sent now.

    ``title`` is one line and ``body`` plain text; ``facts`` are the same for programs, as JSON.
    """

    id: str
    type: str
    tone: Tone
    title: str
    body: str
    facts: Mapping[str, object]
    made_at: datetime
    at: datetime


def message_of(
    number: int, occasion: Occasion, incidents: Sequence[Incident], made_at: datetime, at: datetime
) -> Message:
    """The message of the announcement ``number`` (of several, the first), about the incidents as they are now."""
    several = len(incidents) > 1
    title = f"[synkron] {BEGINNINGS[occasion]}: {_title_of(incidents) if several else incidents[0].condition.title}"
    return Message(
        id=f"announcement-{number}",
        type=f"incident.{occasion}",
        tone=Tone.ALL_CLEAR if occasion is Occasion.CLOSED else Tone.ALARM,
        title=one_line(title, LONGEST_TITLE),
        body=_body_of(occasion, incidents) if several else _body(occasion, incidents[0]),
        facts={"incidents": [facts_of(one) for one in incidents]} if several else facts_of(incidents[0]),
        made_at=made_at,
        at=at,
    )


def report_message(number: int, written: Mapping[str, Any], made_at: datetime, at: datetime) -> Message:
    """The message of the announcement ``number``, which is a report as it was written when it was due."""
    return Message(
        id=f"announcement-{number}",
        type="report",
        tone=Tone.REPORT,
        title=one_line(f"[synkron] {written['title']}", LONGEST_TITLE),
        body=printable(written["body"], keep="\n"),
        facts=written["facts"],
        made_at=made_at,
        at=at,
    )


def trial(number: str, at: datetime) -> Message:
    """A test message."""
    return Message(
        id=f"trial-{number}",
        type="announce.test",
        tone=Tone.TRIAL,
        title="[synkron] test: announcements arrive here",
        body="`synkron announce test` sent this message. Nothing is wrong, and there is nothing to do.",
        facts={},
        made_at=at,
        at=at,
    )


def facts_of(incident: Incident) -> dict[str, object]:
    """The incident as JSON; all keys are always present, and instants are in UTC."""
    one = incident.condition
    return {
        "incident_id": incident.id,
        "state": incident.state,
        "kind": one.kind,
        "subject": one.subject,
        "title": one.title,
        "detail": one.detail,
        "remedy": one.remedy,
        "org_id": one.org_id,
        "integration_type": one.integration_type,
        "endpoint": one.endpoint,
        "touches": touches_of(one),
        "since": instant(one.since),
        "opened_at": instant(incident.opened_at),
        "seen_at": instant(incident.seen_at),
        "acknowledged_at": incident.acknowledged_at and instant(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by,
        "closed_at": incident.closed_at and instant(incident.closed_at),
    }


def touches_of(one: Condition) -> dict[str, object]:
    """What it touches as JSON: the ids of organizations, counts, and the number of a run."""

    def key(name: str) -> str:
        return "org_ids" if name == "organizations" else f"{name}_id" if name.endswith("_run") else name

    return {key(name): value for name, value in one.touches.items()}


def touched(one: Condition, names: Mapping[str, str] = NAMELESS) -> str:
    """Who is affected, in words: how many organizations, which, by their ``names`` if known, and the other counts."""
    organizations, total = one.organizations
    parts = []
    if total:
        shown = ", ".join(names.get(one) or one for one in organizations[:ORGANIZATIONS_SHOWN])
        more = total - min(len(organizations), ORGANIZATIONS_SHOWN)
        shown += f" and {more:,} more" if shown and more else ""
        parts.append(f"{total:,} organization{'' if total == 1 else 's'}" + (f" ({shown})" if shown else ""))
    parts += [
        f"{name.replace('_', ' ')}: {f'{number:,}' if is_count(number, name) else number}"
        for name, number in one.touches.items()
        if isinstance(number, int) and name != "organizations_total"
    ]
    return "; ".join(parts)


def _title_of(incidents: Sequence[Incident]) -> str:
    if all(one.condition.kind in OF_ROWS for one in incidents):
        rows = [one.condition.touches.get("integrations", 1) for one in incidents]
        return f"{sum(number for number in rows if isinstance(number, int)):,} rows can't run"
    return f"{len(incidents):,} incidents, such as {incidents[0].condition.title}"


def _body_of(occasion: Occasion, incidents: Sequence[Incident]) -> str:
    """A line for each."""
    listed = [f"- {one.id}: {one_line(one.condition.title, LONGEST_LISTED)}" for one in incidents[:MOST_LISTED]]
    more = len(incidents) - len(listed)
    lines = [
        f"These {len(incidents):,} incidents {ENDINGS[occasion]}:",
        *listed,
        *([f"- and {more:,} more"] if more else []),
    ]
    if occasion is not Occasion.CLOSED:
        check = "`synkron check` shows all rows that can't run. " if _title_of(incidents).endswith("can't run") else ""
        lines += [
            "",
            f"What to do: {check}`synkron incidents show {incidents[0].id}` says it of one.",
            f"To stop the reminders of one: synkron incidents acknowledge {incidents[0].id}",
        ]
    return "\n".join(lines)


def _body(occasion: Occasion, incident: Incident) -> str:
    one = incident.condition
    # Only a joined detail is a list. In others a line break comes from outside, and could fake a line of the message.
    detail = printable(one.detail.strip(), LONGEST_DETAIL, keep="\n" if one.subject == FLEET else "")
    lines = [detail, "", f"Since: {minute(one.since)}"]
    if occasion is Occasion.CLOSED:
        lines = ["This has ended. It was:", *lines]
        lines.append(f"Last seen: {minute(incident.seen_at)}; closed: {minute(incident.closed_at or incident.seen_at)}")
    elif occasion is Occasion.REMINDED:
        lines.append(f"Last seen: {minute(incident.seen_at)}")
    if whom := touched(one):
        lines.append(f"Affected: {one_line(whom, LONGEST_REMEDY)}")
    if occasion is not Occasion.CLOSED:
        lines += [
            f"What to do: {one_line(one.remedy, LONGEST_REMEDY)}",
            f"To stop the reminders: synkron incidents acknowledge {incident.id}",
        ]
    return "\n".join(lines)
