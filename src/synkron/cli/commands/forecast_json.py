"""The forecast as JSON; the form is documented in docs/commands.md, and stable."""

from __future__ import annotations

from collections.abc import Sequence

from synkron.reports.forecast import Forecast, Herd, TypeForecast, Warned, warnings
from synkron.reports.forecast.store import Outlook
from synkron.text import duration_text


def as_answer(outlook: Outlook) -> dict[str, object]:
    """The whole answer."""
    window = outlook.as_set.window
    return {
        "after": window.start,
        "until": window.end,
        "left_out": outlook.as_set.left_out,
        "pauses": outlook.pauses,
        "types": [
            {
                "integration_type": name,
                "integrations": one.integrations,
                "fires": one.fired,
                "as_set": _policy(name, outlook.as_set),
                "proposed": None if outlook.proposed is None else _policy(name, outlook.proposed),
            }
            for name, one in outlook.as_set.types.items()
        ],
    }


def _policy(name: str, forecast: Forecast) -> dict[str, object]:
    """What becomes of the type's fires under a policy."""
    one = forecast.types[name]
    return {
        "spread": duration_text(one.policy.spread),
        "pace": one.policy.pace,
        "concurrency": one.policy.concurrency,
        "starts": _number(one.started),
        "later": _number(one.later),
        "waiting_at_the_end": _number(one.left_waiting),
        "peak": _most(one, one.starts, "starts"),
        "most_waiting": _most(one, one.waiting, "waiting"),
        "herds": [_herd(herd) for herd in one.herds],
        "warnings": [_warning(warned) for warned in warnings(forecast) if warned.integration_type == name],
        "minutes": [
            {
                "minute": one.instant(minute),
                "fires": fires,
                "starts": _number(one.starts[minute]),
                "waiting": _number(one.waiting[minute]),
            }
            for minute, fires in enumerate(one.fires)
            if fires or one.starts[minute] or one.waiting[minute]
        ],
    }


def _most(one: TypeForecast, figures: Sequence[float], name: str) -> dict[str, object] | None:
    """The first minute with the largest figure; None where all are zero."""
    most = max(figures)
    return {"minute": one.instant(figures.index(most)), name: _number(most)} if most else None


def _herd(herd: Herd) -> dict[str, object]:
    return {"minute": herd.at, "fires": herd.fires, "last_start": herd.last_start}


def _warning(warned: Warned) -> dict[str, object]:
    return {"kind": warned.kind, "message": warned.message}


def _number(figure: float) -> float:
    """To the hundredth; a whole one without a point."""
    rounded = round(figure, 2)
    return int(rounded) if rounded == int(rounded) else rounded
