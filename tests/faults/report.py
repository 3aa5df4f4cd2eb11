"""What an experiment found, as a table for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tests.faults.experiment import Result

CAUTION = "The same seed plans the same rows, faults and edits; what a fault meets depends on the machine's timing."


def table(results: Sequence[Result]) -> Table:
    """One column for each seed, and the sum."""
    shown = Table(title="Faults", caption=CAUTION)
    shown.add_column("")
    for result in results:
        shown.add_column(f"seed {result.seed}", justify="right")
    shown.add_column("all", justify="right")
    columns = [_figures(result) for result in results]
    for name in columns[0]:
        numbers = [column[name] for column in columns]
        shown.add_row(name, *map(str, numbers), str(sum(numbers)), style="bold red" if _is_bad(name, numbers) else None)
    shown.add_section()
    for kind in sorted(set().union(*(result.by_kind for result in results))):
        numbers = [result.by_kind[kind] for result in results]
        shown.add_row(kind, *map(str, numbers), str(sum(numbers)))
    kinds = Counter[str]()
    for result in results:
        kinds += result.by_kind
    shown.add_section()
    totals = [result.by_kind.total() for result in results]
    shown.add_row(f"faults, of {len(kinds)} kinds", *map(str, totals), str(sum(totals)))
    return shown


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Everything, the repeated keys and the sequence of faults included."""
    return [
        {
            "seed": result.seed,
            "speed": result.size.speed,
            "seconds": round(result.seconds, 1),
            "calendar_seconds": round(result.calendar.total_seconds()),
            **{name.replace(" ", "_"): number for name, number in _figures(result).items()},
            "run_states": dict(result.findings.states),
            "repeated_keys": result.findings.repeated_keys,
            "violations": result.violations,
            "faults_by_kind": dict(result.by_kind),
            "faults": result.faults,
            "left_out": result.left_out,
        }
        for result in results
    ]


def _figures(result: Result) -> dict[str, int]:
    findings = result.findings
    return {
        "occurrences expected": findings.expected,
        "excluded near edits": findings.excluded,
        "runs": findings.runs,
        "runs succeeded": findings.states["succeeded"],
        "runs failed": findings.states["failed"],
        "runs skipped": findings.states["skipped"],
        "deliveries": findings.deliveries,
        "repeated deliveries": findings.repeated,
        "keys repeated": len(findings.repeated_keys),
        "processes that ended by themselves": result.own_ends,
        **{name: len(sentences) for name, sentences in findings.violations.items()},
        "ended badly": int(any(result.exit_codes)),
    }


def _is_bad(name: str, numbers: Sequence[int]) -> bool:
    return any(numbers) and name in BAD


BAD = {
    "missed", "doubled claims", "finished twice", "delivered after finish", "wrong keys", "unexpected rows",
    "periods that do not tile", "skipped without a cause", "failed for good", "never ended", "ended badly",
}  # fmt: skip
