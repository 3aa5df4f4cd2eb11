"""One field of a cron expression: its text is parsed into a bit mask (rules C3-C9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

ITEMS = "an item is *, n, a-b, */s, a-b/s or n/s"

# Characters of other dialects, and what to write instead (C9).
FOREIGN = {
    "@": "macros are not supported; write five fields",
    "?": "'?' belongs to Quartz; write '*'",
    "#": "'#' (nth weekday of the month) is not supported; name the days",
    "~": "'~' (a random value) is not supported; choose a value",
    "%": "'%' is not supported; leave it out",
    "L": "'L' (last) is not supported; name the day",
    "W": "'W' (nearest working day) is not supported; name the day",
    "H": "'H' (a hashed value) is not supported; choose a value",
}


class Step(NamedTuple):
    """A step that W2 warns about: from ``first`` to ``last`` by ``step``, in the field of that name.

    ``restarts``: it reaches the end of the field and starts again with the next hour, day, month, year or week.
    """

    field: str
    first: int
    last: int
    step: int
    restarts: bool


class FieldFault(Exception):
    """The ``length`` characters at ``offset`` in the field are malformed.

    ``parse`` knows the column and turns this into a CronError.
    """

    def __init__(self, offset: int, length: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.length = length


@dataclass(frozen=True, slots=True)
class Field:
    """The values that are allowed in a field. It starts again after ``cycle`` values."""

    name: str
    first: int
    last: int
    cycle: int
    names: tuple[str, ...] = ()
    every: int = field(init=False)
    values: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        numbers = range(self.first, self.last + 1)
        values = {f"{number:0{width}}": number for width in (1, 2) for number in numbers}
        values |= {name[:3].upper(): number for number, name in enumerate(self.names, self.first)}
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "every", sum(1 << number for number in numbers))

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        names = f" or {self.names[0][:3].upper()}-{self.names[-1][:3].upper()}" if self.names else ""
        return f"{self.name} is {self.first}-{self.last}{names}"

    def read(self, text: str, steps: list[Step]) -> int:
        """The mask of the values that the text, in capitals, selects. Raises Fault.

        The steps that W2 warns about are added to ``steps``.
        """
        if text == "*":
            return self.every
        values = self.values
        if text in values:
            return 1 << values[text]
        mask = offset = 0
        for item in text.split(","):
            mask |= 1 << values[item] if item in values else self._read_item(item, offset, steps)
            offset += len(item) + 1
        return mask

    def _read_item(self, item: str, offset: int, steps: list[Step]) -> int:
        if not item:
            raise FieldFault(offset, 1, f"an item is missing; {ITEMS}")
        range_text, slash, step_text = item.partition("/")
        if not slash:
            first, last = self._read_range(range_text, offset)
            return (2 << last) - (1 << first)
        step = self._read_step(step_text, offset, item)
        first, last = self._read_range(range_text, offset)
        if first == last and "-" not in range_text:
            last = self.last
        size = min(last - first + 1, self.cycle)
        restarts = last == self.last or size == self.cycle
        if step > 1 and (step >= size or (self.cycle if restarts else size - 1) % step):
            steps.append(Step(self.name, first, last, step, restarts))
        return sum(1 << value for value in range(first, last + 1, step))

    def _read_step(self, text: str, offset: int, item: str) -> int:
        if not text:
            raise FieldFault(offset, len(item), "a step is missing; write a whole number after the '/'")
        at = offset + len(item) - len(text)
        if not text.isdecimal():
            raise FieldFault(at, len(text), "a step must be a whole number of at least 1, such as the 5 in */5")
        step = int(text)
        if step == 0:
            raise FieldFault(at, len(text), "a step must be at least 1; without a step every value is selected")
        return step

    def _read_range(self, range_text: str, offset: int) -> tuple[int, int]:
        """The first and the last value."""
        if range_text == "*":
            return self.first, self.last
        first_text, dash, last_text = range_text.partition("-")
        if not first_text or (dash and not last_text):
            length = len(range_text) or 1
            raise FieldFault(offset, length, f"a number is missing, and signs are not allowed; {self.allowed}")
        first = self._read_value(first_text, offset)
        if not dash:
            return first, first
        last = self._read_value(last_text, offset + len(first_text) + 1)
        if last_text == "SUN":
            last = self.last
        if first > last:
            raise FieldFault(
                offset, len(range_text), f"a range must ascend; write {self._wrapped(range_text, first, last)}"
            )
        return first, last

    def _read_value(self, text: str, offset: int) -> int:
        value = self.values.get(text.lstrip("0") or "0" if text.isdecimal() else text)
        if value is None:
            raise FieldFault(offset, len(text), self._remedy(text))
        return value

    def _remedy(self, text: str) -> str:
        if text.isdecimal():
            return f"out of range; {self.allowed}"
        if len(text) > 3 and any(name.upper().startswith(text) for name in self.names):
            return f"names have three letters; write {text[:3]}"
        # The L of JUL, in a field without names, does not mean "last".
        marks = text if len(letters := text.strip("0123456789")) < 3 or not letters.isalpha() else ""
        return next((FOREIGN[mark] for mark in FOREIGN if mark in marks), f"not a value; {self.allowed}; {ITEMS}")

    def _wrapped(self, range_text: str, first: int, last: int) -> str:
        """The list that was probably meant by a descending range."""
        first_text, _, last_text = range_text.partition("-")
        end = self.first + self.cycle - 1
        top, bottom = str(end), str(self.first)
        if first_text.isalpha():
            top, bottom = self.names[-1][:3].upper(), self.names[0][:3].upper()
        upper = first_text if first >= end else f"{first_text}-{top}"
        lower = last_text if last == self.first else f"{bottom}-{last_text}"
        return f"{upper},{lower}"


MINUTE = Field("minute", 0, 59, 60)
HOUR = Field("hour", 0, 23, 24)
DAY = Field("day of month", 1, 31, 31)
MONTH = Field("month", 1, 12, 12, MONTH_NAMES)
WEEKDAY = Field("day of week", 0, 7, 7, WEEKDAY_NAMES)

FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
