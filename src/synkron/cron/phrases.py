"""The phrases that a sentence about an expression is made of, in each language. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synkron.cron.field import MONTH_NAMES, WEEKDAY_NAMES


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language. Names of the months from January on, of the weekdays from Sunday on; pairs are singular, plural."""

    months: Sequence[str]
    weekdays: Sequence[str]
    last_of_list: str = "{list} and {last}"
    run: str = "{first} to {last}"
    series: str = "{list} and so on to {last}"
    number_of_day: str = "{number}"
    at_times: str = "at {times}"
    at_minutes: tuple[str, str] = ("at minute {minutes} of {hours}", "at minutes {minutes} of {hours}")
    every_hour: str = "every hour"
    hours: tuple[str, str] = ("hour {hours}", "hours {hours}")
    every_minute: str = "every minute"
    every_minutes: str = "every {step} minutes"
    between: str = "{every} from {first} to {last}"
    within: str = "{every} in {hours}"
    every_day: str = " every day"
    on_weekdays: str = " on {weekdays}"
    on_days: tuple[str, str] = (" on day {days} of the month", " on days {days} of the month")
    or_weekdays: str = ", and also on {weekdays}"
    and_weekdays: str = ", but only on {weekdays}"
    in_months: str = " in {months}"
    skipped: tuple[str, str] = ("; months without that day are skipped", "; months without those days are skipped")
    never: tuple[str, str] = ("Never: {months} has no day {day}.", "Never: {months} have no day {day}.")
    # What rules W2 to W4 say. A field has a name of its own only where the language is another.
    fields: Mapping[str, str] = field(default_factory=dict)
    too_large: str = "{field}: the step {step} is larger than the range; only {first} is selected"
    uneven: str = "{field}: the step {step} is uneven: {end} is followed by {first}"
    short: str = "{field}: the step {step} does not reach {last}; it ends at {end}"
    either_day: str = (
        "day of month and day of week are both restricted, so either is enough: {days} days in {year}; if both had to "
        "match, {both}"
    )
    clocks_repeat: tuple[str, str] = (
        "the clocks of {zone} repeat {walls}; it fires at the first only",
        "the clocks of {zone} repeat {walls}; it fires at both",
    )
    clocks_skip: tuple[str, str] = (
        "the clocks of {zone} skip {walls}; it fires once instead, at {at}",
        "the clocks of {zone} skip {walls}; it does not fire there",
    )
    walls: str = "{first} to {last} ({number} times)"


ENGLISH = Phrases(MONTH_NAMES, WEEKDAY_NAMES)

_MONTHS = (
    "januar", "februar", "mars", "april", "mai", "juni",
    "juli", "august", "september", "oktober", "november", "desember",
)  # fmt: skip
BOKMAL = Phrases(
    months=_MONTHS,
    weekdays=("søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"),
    last_of_list="{list} og {last}",
    run="{first} til {last}",
    series="{list} og så videre til {last}",
    number_of_day="{number}.",
    at_times="kl. {times}",
    at_minutes=("i minutt {minutes} i {hours}", "i minutt {minutes} i {hours}"),
    every_hour="hver time",
    hours=("time {hours}", "time {hours}"),
    every_minute="hvert minutt",
    every_minutes="hvert {step}. minutt",
    between="{every} fra {first} til {last}",
    within="{every} i {hours}",
    every_day=" hver dag",
    on_weekdays=" hver {weekdays}",
    on_days=(" den {days} i måneden", " den {days} i måneden"),
    or_weekdays=", og i tillegg hver {weekdays}",
    and_weekdays=", men bare når det er {weekdays}",
    in_months=" i {months}",
    skipped=("; måneder uten den dagen hoppes over", "; måneder uten de dagene hoppes over"),
    fields={
        "minute": "minutt",
        "hour": "time",
        "day of month": "dag i måneden",
        "month": "måned",
        "day of week": "ukedag",
    },
    too_large="{field}: steget {step} er større enn området; bare {first} er med",
    uneven="{field}: steget {step} er ujevnt: etter {end} kommer {first}",
    short="{field}: steget {step} når ikke {last}; det ender ved {end}",
    either_day=(
        "både dag i måneden og ukedag er begrenset, så én av dem er nok: {days} dager i {year}; måtte begge passe, "
        "ville det være {both}"
    ),
    clocks_repeat=(
        "klokkene i {zone} gjentar {walls}; det kjøres bare den første gangen",
        "klokkene i {zone} gjentar {walls}; det kjøres begge gangene",
    ),
    clocks_skip=(
        "klokkene i {zone} hopper over {walls}; det kjøres én gang i stedet, kl. {at}",
        "klokkene i {zone} hopper over {walls}; det kjøres ikke da",
    ),
    walls="{first} til {last} ({number} ganger)",
    never=("Aldri: {months} har ingen {day}. dag.", "Aldri: {months} har ingen {day}. dag."),
)

PHRASES: Mapping[str, Phrases] = {"en": ENGLISH, "nb": BOKMAL}
