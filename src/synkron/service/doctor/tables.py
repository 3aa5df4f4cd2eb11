"""The application's two tables: row security, indexes, and how many of their rows can't run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synkron.incidents.conditions.wording import listed
from synkron.model import Integration
from synkron.service.doctor.finding import Finding, failed, identifier, ok, warning
from synkron.settings.integrations.naming import section_of
from synkron.source.check import Count, RowFinding
from synkron.text import several

# The name of the policy that shows Synkron's role every row.
ALL_ROWS = "synkron_reads_all"


@dataclass(frozen=True, slots=True)
class SecuredTable:
    """One of the application's tables to which row security applies, and its policies for reading.

    ``name`` is as in SQL. ``is_restricted``: one of the policies takes rows away that others show.
    """

    name: str
    policies: Sequence[str]
    is_restricted: bool


def row_security(role: str, secured: Sequence[SecuredTable], *, hides: bool) -> Finding:
    """Whether this session sees every row of the tables to which row security applies."""
    names = " and ".join(one.name for one in secured)
    policies = [name for one in secured for name in one.policies]
    if hides:
        shown = f"its policies ({listed(policies)}) do not show it every row" if policies else "it has no policy"
        return failed(f'Row security of {names} hides rows from the role "{role}": {shown}.', _show_all(role, secured))
    return ok(f"It hides no row of {names} ({listed(policies)})." if secured else "It does not apply to this role.")


def _show_all(role: str, secured: Sequence[SecuredTable]) -> str:
    """Shows the role every row: by policies, which the tables' owner may create, if no policy takes rows away."""
    to_make = [one.name for one in secured if ALL_ROWS not in one.policies]
    if not to_make or any(one.is_restricted for one in secured):
        return f"alter role {identifier(role)} bypassrls;"
    return " ".join(
        f"create policy {ALL_ROWS} on {name} for select to {identifier(role)} using (true);" for name in to_make
    )


def indexes(usable: Mapping[str, bool]) -> Finding:
    """Whether the due read has its indexes; ``usable`` says so of each. It works without them, and scans then."""
    if missing := [name for name, is_usable in usable.items() if not is_usable]:
        return warning(
            f"The due read lacks {' and '.join(missing)}: each tick reads the whole table instead.",
            "synkron migrate --with-index",
        )
    return ok("The due read has its indexes.")


@dataclass
class RowCount:
    """Counts the rows as they are read, and what is ``found`` in them. ``types`` are those of the rows that run."""

    rows: int = 0
    scheduled: int = 0
    found: Count = field(default_factory=Count)
    types: set[str] = field(default_factory=set)
    is_cut: bool = False

    def add(self, rows: Sequence[Integration], found: Sequence[RowFinding]) -> None:
        """Count these rows, for which ``source.check`` found this."""
        running = [one for one in rows if one.is_enabled and one.cron_schedule is not None]
        self.rows += len(rows)
        self.scheduled += len(running)
        self.types.update(one.integration_type for one in running)
        self.found.add(found)


def rows(count: RowCount) -> Finding:
    """Whether the rows can run. ``synkron check`` lists what is wrong with each."""
    these = f"the first {several(count.rows, 'row')}" if count.is_cut else several(count.rows, "row")
    found = count.found
    if count.scheduled and found.invalid == count.scheduled:
        return failed(f"None of the enabled rows can run ({found.invalid:,} of {these}).", "synkron check")
    if found.invalid:
        noted = f", and {found.told}" if found.warnings else ""
        return warning(f"{found.invalid:,} of {these} can't run{noted}.", "synkron check")
    if found.warnings:
        return warning(
            f"{several(found.warnings, 'warning')} about {found.warned:,} of {these}; all can run.", "synkron check"
        )
    return ok(f"{these}, {count.scheduled:,} of them enabled with a schedule.")


def without_target(types: Sequence[str]) -> Finding:
    """``types`` are those of enabled rows that have no target in these settings."""
    return warning(
        f"These settings have no target for {listed(types)}, which enabled rows have: a worker that uses them skips "
        "their runs.",
        remedy=f"In synkron.toml, under [{section_of(types[0])}], set target to what is to be called.",
    )


def without_any_target(integration_type: str) -> Finding:
    """No type has a target; the remedy names this one."""
    return warning(
        "These settings have no target: a worker that uses them skips every run, and nothing is delivered until one is "
        "set.",
        remedy=f"In synkron.toml, under [{section_of(integration_type)}], set target to what is to be called, and "
        "start the service again.",
    )
