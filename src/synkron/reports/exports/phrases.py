"""The phrases that a report is told in, in each language. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synkron.reports.exports.coverage import Reason

_ENGLISH_REASONS = {
    Reason.FAILED: "failed",
    Reason.INVALID: "can't run",
    Reason.UNDECIDED: "not decided",
    Reason.EXPIRED: "expired",
    Reason.CANCELLED: "cancelled",
    Reason.MERGED: "merged into a run that was skipped",
    Reason.SKIPPED: "skipped",
    Reason.SUPERSEDED: "superseded by an edit",
    Reason.PAUSED: "paused",
    Reason.OPEN: "still open",
}


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language. ``months`` are short, from January on; pairs are singular, plural."""

    months: Sequence[str] = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    thousands: str = ","
    reasons: Mapping[Reason, str] = field(default_factory=_ENGLISH_REASONS.copy)
    day: str = "{number} {month}"
    no_tick: str = "No scheduler has ticked yet. Start one: `synkron run`."
    up_to_now: str = "This is up to now, {at}."
    tick_stopped: str = "No scheduler has ticked since {at}: see `synkron status`."
    recorded_since: str = "Synkron has records only since {at}."
    no_records: str = "{title}: Synkron has no records of this time."
    nothing_due: str = "{title}: nothing was due."
    none_due: str = "nothing was due"
    none_known: str = "no records"
    share: str = "{exported} of {due}"
    exported: str = "{share} exported"
    invalid: tuple[str, str] = (", {number} integration can't run", ", {number} integrations can't run")
    more: tuple[str, str] = ("and {number} more organization", "and {number} more organizations")
    not_covered: str = "{name} is not covered from {at} on, {reason}"
    failed: str = "{name} failed {times}"
    times: tuple[str, str, str] = ("once", "twice", "{number} times")
    since: str = " since {at}"
    some: str = "{name} has {number} {reason}"
    all_due: str = "all that was due"
    whole: str = "all of {range}"
    so_far: str = " so far"


ENGLISH = Phrases()
BOKMAL = Phrases(
    months=("jan.", "feb.", "mars", "april", "mai", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "des."),
    thousands="\u00a0",
    reasons={
        Reason.FAILED: "mislyktes",
        Reason.INVALID: "kan ikke kjøre",
        Reason.UNDECIDED: "ikke avgjort",
        Reason.EXPIRED: "utløpt",
        Reason.CANCELLED: "avbrutt",
        Reason.MERGED: "slått sammen med en kjøring som ble hoppet over",
        Reason.SKIPPED: "hoppet over",
        Reason.SUPERSEDED: "erstattet av en endring",
        Reason.PAUSED: "på pause",
        Reason.OPEN: "fortsatt åpne",
    },
    day="{number}. {month}",
    no_tick="Ingen planlegger har tikket ennå. Start en: `synkron run`.",
    up_to_now="Dette er fram til nå, {at}.",
    tick_stopped="Ingen planlegger har tikket siden {at}: se `synkron status`.",
    recorded_since="Synkron har bare data fra og med {at}.",
    no_records="{title}: Synkron har ingen data for denne tiden.",
    nothing_due="{title}: ingenting skulle eksporteres.",
    none_due="ingenting skulle eksporteres",
    none_known="ingen data",
    share="{exported} av {due}",
    exported="{share} eksportert",
    invalid=(", {number} integrasjon kan ikke kjøre", ", {number} integrasjoner kan ikke kjøre"),
    more=("og {number} organisasjon til", "og {number} organisasjoner til"),
    not_covered="{name} er ikke dekket fra {at}, {reason}",
    failed="{name} mislyktes {times}",
    times=("én gang", "to ganger", "{number} ganger"),
    since=" siden {at}",
    some="{name} har {number} {reason}",
    all_due="alt som skulle",
    whole="hele {range}",
    so_far=" så langt",
)
PHRASES: Mapping[str, Phrases] = {"en": ENGLISH, "nb": BOKMAL}
