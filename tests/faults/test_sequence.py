"""A seed stands for one sequence of faults and edits."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from tests.faults.fleet import TYPES
from tests.faults.sequence import EDITS, Kind, Plan, plan


def planned(seed: int, faults: int = 28) -> Plan:
    return plan(seed, rows=48, faults=faults, types=list(TYPES), kinds=list(Kind))


def test_the_same_seed_plans_the_same() -> None:
    assert planned(7) == planned(7)


def test_another_seed_plans_something_else() -> None:
    assert planned(7) != planned(8)


def test_every_kind_comes_before_any_comes_again() -> None:
    kinds = Counter(fault.kind for fault in planned(7, faults=len(Kind)).faults)
    assert kinds == Counter(Kind)


def test_faults_stand_in_their_order() -> None:
    assert all(earlier.at < later.at for earlier, later in pairwise(planned(7).faults))


def test_no_row_is_edited_twice() -> None:
    edited = [fault.row.id for fault in planned(7, faults=60).faults if fault.row and fault.kind in EDITS]
    assert len(edited) == len(set(edited))
