"""The cron language beside cronsim, croniter and APScheduler, which answer the same questions in one process (B5).

    python -m bench.cron [--quick] [--save]

The libraries take turns in every round, so that a busy moment of the machine falls on all of them. A figure is how
many times as fast as cronsim a library is, in each round; the times themselves stand in the notes.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from statistics import median
from time import perf_counter

from bench.cron_questions import Ask, Question, expressions, questions, same_as_apscheduler
from bench.measure import Better, Measure, options, report, written

Seconds = Mapping[str, Sequence[float]]
"""The seconds per question of each round, by library."""


def main() -> None:
    """Measure and report."""
    flags = options(__doc__)
    texts = expressions(1000)
    asked = questions(texts)
    measured = _rounds(asked, 5 if flags.quick else 21)
    measures = [_measure(question, seconds) for question, seconds in zip(asked, measured, strict=True)]
    measures[0] = replace(measures[0], note=f"{_terms(texts)} {measures[0].note}")
    report("cron", measures, quick=flags.quick, save=flags.save)


def _rounds(asked: Sequence[Question], rounds: int) -> list[Seconds]:
    measured: list[dict[str, list[float]]] = [defaultdict(list) for _ in asked]
    for number in range(-1, rounds):  # the first round warms up
        for question, seconds in zip(asked, measured, strict=True):
            for library, ask in question.asked.items():
                elapsed = _timed(ask)
                if number >= 0:
                    seconds[library].append(elapsed)
    return list(measured)


def _timed(ask: Ask) -> float:
    """Seconds per question."""
    gc.collect()
    gc.disable()
    began = perf_counter()
    asked = ask()
    elapsed = perf_counter() - began
    gc.enable()
    return elapsed / asked


def _measure(question: Question, seconds: Seconds) -> Measure:
    times = ", ".join(f"{library} {written(median(taken) * 1e6)}" for library, taken in seconds.items())
    series = {"microseconds": {library: [round(one * 1e6, 3) for one in taken] for library, taken in seconds.items()}}
    if "cronsim" not in seconds:
        rounds, peers, unit = series["microseconds"]["synkron"], {}, "µs"
    else:
        speeds = {library: _as_fast(seconds["cronsim"], taken) for library, taken in seconds.items()}
        rounds, unit = speeds["synkron"], "x cronsim"
        peers = {library: speeds[library] for library in speeds if library not in {"synkron", "cronsim"}}
    return Measure(
        number="B5",
        name=question.name,
        unit=unit,
        rounds=rounds,
        target=question.target,
        better=Better.HIGHER if "cronsim" in seconds else Better.LOWER,
        peers=peers,
        note=f"µs each: {times}. {question.note}".strip(),
        series=series,
    )


def _as_fast(cronsim: Sequence[float], library: Sequence[float]) -> list[float]:
    return [theirs / own for theirs, own in zip(cronsim, library, strict=True)]


def _terms(texts: Sequence[str]) -> str:
    """What holds for all the comparisons."""
    text = f"{len(texts):,} expressions; cronsim {version('cronsim')}, croniter {version('croniter')}"
    if (same := same_as_apscheduler(texts)) is None:
        return f"{text}."
    return (
        f"{text}, APScheduler {version('apscheduler')} by CronTrigger.from_crontab, which ANDs the day fields and "
        f"counts weekdays from Monday: its next moment is that of the others for {same:,} of the expressions, so it is "
        "compared for speed only."
    )


if __name__ == "__main__":
    main()
