"""Moments and lengths of time as people read them. Pure: ``now`` is a value. ``static/times.js`` says the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from synkron.service.dashboard.words import Words

DAY = timedelta(days=1)


def relative(words: Words, at: datetime, now: datetime) -> str:
    """How far the moment is from now: ``in 4 min``, ``12 s ago``."""
    ahead = round((at - now).total_seconds())
    if ahead == 0:
        return words.say("times.now")
    return words.say("times.ahead" if ahead > 0 else "times.ago", span=coarse(words, abs(ahead)))


def coarse(words: Words, seconds: int) -> str:
    """A length of time in its largest unit, rounded down: what is 119 s away is a minute away, and not yet two."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit in ("d", "h") else 1):
            return f"{seconds // size}\u00a0{words.say(f'times.unit.{unit}')}"
    return f"{seconds}\u00a0{words.say('times.unit.s')}"


def span(words: Words, length: timedelta | None) -> str:
    """A measured length of time: ``340 ms``, ``2.4 s``, ``3 min 12 s``; a dash for none."""
    if length is None:
        return "–"
    seconds = length.total_seconds()
    sign, seconds = ("−" if seconds < 0 else ""), abs(seconds)
    if seconds < 0.9995:
        return f"{sign}{seconds * 1000:.0f}\u00a0ms"
    if seconds < 59.95:
        return f"{sign}{words.decimal(seconds)}\u00a0{words.say('times.unit.s')}"
    whole = round(seconds)
    found = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        number, whole = divmod(whole, size)
        if number:
            found.append(f"{number}\u00a0{words.say(f'times.unit.{unit}')}")
    return sign + " ".join(found[:2])


def clock(words: Words, at: datetime, now: datetime, zone: tzinfo = UTC, *, seconds: bool = False) -> str:
    """The time of day in a zone, with the day if that is not today: ``15:05``, ``Mon 30 Nov 15:05``."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return time if local.date() == today.date() else f"{day(words, local, today)} {time}"


def both(words: Words, at: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """The time of day in the zone and in UTC, with the day once: ``Mon 30 Nov 02:00 Oslo · 01:00 UTC``."""
    if is_utc(zone):
        return f"{clock(words, at, now)} UTC"
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    there = f"{clock(words, at, now, zone)} {zone_name(zone, at)}"
    return f"{there} · {utc:%H:%M} UTC" if local.date() == utc.date() else f"{there} · {clock(words, at, now)} UTC"


def day(words: Words, local: datetime, today: datetime | None = None) -> str:
    """The day: ``Mon 30 Nov``, with the year if that is another one."""
    year = f" {local.year}" if today is None or local.year != today.year else ""
    weekday, month = words.say(f"times.weekday.{local.weekday()}"), words.say(f"times.month.{local.month}")
    return words.say("times.day", weekday=weekday, number=str(local.day), month=month) + year


def zone_name(zone: tzinfo, at: datetime) -> str:
    """How a zone is named beside its times: the last part of its name (``Oslo``), else its offset."""
    key = getattr(zone, "key", None)
    if key is not None:
        return str(key).rpartition("/")[2].replace("_", " ")
    return zone.tzname(at) or "UTC"


def is_utc(zone: tzinfo) -> bool:
    """Whether the zone is UTC itself, by that name or another."""
    return zone is UTC or getattr(zone, "key", "") in ("UTC", "Etc/UTC", "GMT", "Etc/GMT")


def whole(words: Words, at: datetime, zone: tzinfo = UTC) -> str:
    """The moment in full: ``Mon 30 Nov 2026 15:05:00 Oslo``."""
    local = at.astimezone(zone)
    return f"{day(words, local)} {local:%H:%M:%S} {zone_name(zone, at)}"
