"""Moments, names and pauses, as the sentences write them."""

from __future__ import annotations

from datetime import UTC, datetime

from synkron.reports.why.facts import Facts, PauseFacts


def name(facts: Facts) -> str:
    """``Fjord's xledger``."""
    return f"{facts.organization}'s {facts.integration_type}"


def minute(facts: Facts) -> str:
    """The minute that was asked about."""
    return local(facts.moment, facts)


def local(moment: datetime, facts: Facts) -> str:
    """``2026-11-23 02:00 UTC (03:00 in Europe/Oslo)``: the moment in UTC, and in the organization's zone."""
    written = f"{moment:%Y-%m-%d %H:%M} UTC"
    there = moment.astimezone(facts.zone or UTC)
    if not there.utcoffset():
        return written
    day = "" if there.date() == moment.date() else f"{there:%Y-%m-%d} "
    return f"{written} ({day}{there:%H:%M} in {facts.zone_name})"


def pause_of(pause: PauseFacts, facts: Facts) -> str:
    """Who paused it, why, from when to when."""
    until = f"to {clock(pause.ended_at, facts)}" if pause.ended_at else "until somebody resumes it"
    return f'by {pause.author} ("{pause.reason}", from {clock(pause.starts_at, facts)} {until})'


def clock(moment: datetime, facts: Facts) -> str:
    """A time in UTC. The date is added if it is not that of the minute, the seconds if they are not zero."""
    day = "" if moment.date() == facts.moment.date() else f"{moment:%Y-%m-%d} "
    return day + (f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}")


def at_attempt(number: int) -> str:
    """Which attempt it was."""
    return "on the first attempt" if number == 1 else f"on attempt {number}"


def ended(text: str) -> str:
    """The text with a full stop, unless it already ends with a mark."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
