"""Moments, names and pauses, as the sentences write them."""

from __future__ import annotations

from datetime import datetime, tzinfo

from synkron.reports.why.facts import Facts, PauseFacts


def name(facts: Facts) -> str:
    """``Fjord's xledger``."""
    return f"{facts.organization}'s {facts.integration_type}"


def minute(facts: Facts) -> str:
    """The minute that was asked about."""
    return local(facts.moment, facts)


def local(moment: datetime, facts: Facts) -> str:
    """The moment in UTC, and in the organization's zone."""
    return moment_in(moment, facts.zone, facts.zone_name)


def pause_of(pause: PauseFacts, near: datetime) -> str:
    """Who paused it, why, from when to when."""
    until = f"to {clock(pause.ended_at, near)}" if pause.ended_at else "until somebody resumes it"
    return f'by {pause.author} ("{pause.reason}", from {clock(pause.starts_at, near)} {until})'


def moment_in(moment: datetime, zone: tzinfo | None, zone_name: str) -> str:
    """``2026-11-23 02:00 UTC (03:00 in Europe/Oslo)``."""
    written = f"{moment:%Y-%m-%d %H:%M} UTC"
    local = moment.astimezone(zone) if zone is not None else moment
    if not local.utcoffset():
        return written
    day = "" if local.date() == moment.date() else f"{local:%Y-%m-%d} "
    return f"{written} ({day}{local:%H:%M} in {zone_name})"


def clock(moment: datetime, near: datetime) -> str:
    """A time in UTC. The date is added if it differs from the date of ``near``, the seconds if they are not zero."""
    day = "" if moment.date() == near.date() else f"{moment:%Y-%m-%d} "
    return day + (f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}")


def at_attempt(number: int) -> str:
    """Which attempt it was."""
    return "on the first attempt" if number == 1 else f"on attempt {number}"


def ended(text: str) -> str:
    """The text with a full stop, unless it already ends with a mark."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
