"""When incidents open and close, and what is told of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synkron.incidents.condition import Condition, IncidentKind
from synkron.incidents.grouping import FLEET
from synkron.incidents.lifecycle import FLAPPING, Incident, IncidentChange, Occasion, Rules, Silence, lingers
from tests.support.incident_cast import HOUR, LOOK, MINUTE, NOON, RULES, World, changes, condition, many

OPENED = (IncidentChange.OPENED, Occasion.OPENED)
KEPT = (IncidentChange.KEPT, None)
CLOSED = (IncidentChange.CLOSED, Occasion.CLOSED)
XLEDGER = Silence(integration_type="xledger")


def test_a_condition_opens_an_incident_once() -> None:
    world = World()
    assert changes(world.look(condition())) == [OPENED]
    assert changes(world.look(condition())) == [KEPT]
    [incident] = world.open
    assert (incident.opened_at, incident.seen_at, incident.announced_at) == (NOON + LOOK, NOON + 2 * LOOK, NOON + LOOK)


def test_it_says_what_is_so_now() -> None:
    world = World()
    world.look(condition())
    world.look(condition(title="worse", touches={"runs": 9}))
    [incident] = world.open
    assert (incident.condition.title, incident.condition.touches) == ("worse", {"runs": 9})


def test_it_is_since_the_earliest_that_was_said() -> None:
    """Of an invalid row each look says that it is so now; of late runs the first may have been forgotten."""
    world = World()
    world.look(condition(since=NOON))
    world.look(condition(since=NOON + HOUR))
    world.look(condition(since=NOON + 2 * HOUR))
    [incident] = world.open
    assert incident.condition.since == NOON


def test_the_same_condition_twice_is_one() -> None:
    assert changes(World().look(condition(), condition())) == [OPENED]


def test_it_closes_when_it_has_been_away_for_long_enough() -> None:
    world = World()
    world.look(condition())
    assert changes(world.look(after=5 * MINUTE - LOOK)) == []
    assert changes(world.look()) == [CLOSED]
    assert world.open == []


@pytest.mark.parametrize(
    ("kind", "away", "closed", "expected"),
    [
        (IncidentKind.RUN_FAILED, LOOK, False, None),
        (IncidentKind.RUN_FAILED, 2 * MINUTE, False, NOON),
        (IncidentKind.RUN_FAILED, 2 * MINUTE, True, None),
        (IncidentKind.INVALID_SCHEDULE, 2 * MINUTE, False, NOON),
        # It is seen only when its rows are due.
        (IncidentKind.UNKNOWN_TYPE, 2 * HOUR, False, None),
    ],
)
def test_an_open_incident_says_since_when_its_condition_is_gone(
    kind: IncidentKind, away: timedelta, closed: bool, expected: datetime | None
) -> None:
    one = Incident(condition(kind=kind), NOON - HOUR, seen_at=NOON, closed_at=NOON if closed else None)
    assert one.gone_since(NOON + away) == expected


def test_what_comes_back_before_that_is_the_same_incident() -> None:
    world = World()
    world.look(condition())
    world.look(after=4 * MINUTE)
    assert changes(world.look(condition())) == [KEPT]
    assert changes(world.look(after=4 * MINUTE)) == []
    assert world.occasions() == [Occasion.OPENED]


@pytest.mark.parametrize(
    ("kind", "times_before", "settle", "expected"),
    [
        (IncidentKind.RUN_FAILED, 0, 5 * MINUTE, 5 * MINUTE),
        (IncidentKind.RUN_FAILED, 1, 5 * MINUTE, 10 * MINUTE),
        (IncidentKind.RUN_FAILED, 3, 5 * MINUTE, 40 * MINUTE),
        (IncidentKind.RUN_FAILED, 9, 5 * MINUTE, 6 * HOUR),
        (IncidentKind.RUN_FAILED, 10_000, 5 * MINUTE, 6 * HOUR),
        (IncidentKind.RUN_FAILED, 0, timedelta(), timedelta()),
        (IncidentKind.RUN_FAILED, 2, timedelta(), 4 * MINUTE),
        (IncidentKind.RUN_FAILED, 5, 8 * HOUR, 8 * HOUR),
        (IncidentKind.COLD_START, 0, 5 * MINUTE, HOUR),
        (IncidentKind.COLD_START, 5, 5 * MINUTE, 160 * MINUTE),
        (IncidentKind.UNKNOWN_TYPE, 0, 5 * MINUTE, 25 * HOUR),
        (IncidentKind.UNKNOWN_TYPE, 3, 26 * HOUR, 26 * HOUR),
        (IncidentKind.NO_ORGANIZATION, 0, 5 * MINUTE, 25 * HOUR),
    ],
)
def test_how_long_it_lingers(kind: IncidentKind, times_before: int, settle: timedelta, expected: timedelta) -> None:
    assert lingers(kind, times_before, Rules(settle, HOUR)) == expected


def test_a_reminder_comes_at_its_time_and_not_once_it_is_acknowledged() -> None:
    world = World()
    world.look(condition())
    assert changes(world.look(condition(), after=24 * HOUR - LOOK)) == [KEPT]
    assert changes(world.look(condition())) == [(IncidentChange.KEPT, Occasion.REMINDED)]
    assert changes(world.look(condition(), after=23 * HOUR)) == [KEPT]
    world.acknowledge()
    assert changes(world.look(condition(), after=48 * HOUR)) == [KEPT]
    assert changes(world.look(after=HOUR)) == [CLOSED]


def test_what_is_silenced_is_told_when_the_silence_ends_while_it_is_open() -> None:
    world = World()
    assert changes(world.look(condition(), silences=[XLEDGER])) == [(IncidentChange.OPENED, None)]
    assert changes(world.look(condition(), silences=[XLEDGER], after=48 * HOUR)) == [KEPT]
    assert changes(world.look(condition())) == [(IncidentChange.KEPT, Occasion.OPENED)]
    assert changes(world.look(after=HOUR)) == [CLOSED]


def test_what_opens_and_closes_in_silence_is_never_told() -> None:
    world = World()
    world.look(condition(), silences=[XLEDGER])
    world.look(silences=[XLEDGER], after=HOUR)
    world.look()
    assert world.told == []
    assert world.open == []


def test_what_only_lingers_when_the_silence_ends_is_not_told() -> None:
    world = World()
    for _ in range(4):
        world.look(condition(), silences=[XLEDGER])
        world.look(silences=[XLEDGER], after=41 * MINUTE)
    world.look(condition(), silences=[XLEDGER])
    assert world.look(after=30 * MINUTE) == []
    assert len(world.open) == 1
    assert world.told == []


def test_a_silence_keeps_reminders_and_the_end_quiet_too() -> None:
    world = World()
    world.look(condition())
    assert changes(world.look(condition(), silences=[XLEDGER], after=48 * HOUR)) == [KEPT]
    assert changes(world.look(silences=[XLEDGER], after=HOUR)) == [(IncidentChange.CLOSED, None)]


@pytest.mark.parametrize(
    ("silence", "fits"),
    [
        (Silence(org_id="fjord"), True),
        (Silence(integration_type="xledger"), True),
        (Silence(endpoint="https://vendor.example"), True),
        (Silence("fjord", "xledger", "https://vendor.example"), True),
        (Silence(org_id="elv"), False),
        (Silence("fjord", "dynamics"), False),
        (Silence("fjord", endpoint="https://other.example"), False),
    ],
)
def test_all_that_a_silence_names_must_fit(silence: Silence, fits: bool) -> None:
    assert silence.fits(condition(endpoint="https://vendor.example")) is fits
    assert not silence.fits(condition(org_id=None, integration_type=None, endpoint=None))


def test_of_too_many_one_of_the_fleet_is_made() -> None:
    world = World()
    [only] = world.look(*many(21))
    one = only.incident.condition
    assert (only.change, only.occasion, one.subject, one.kind) == (*OPENED, FLEET, IncidentKind.RUN_FAILED)
    assert one.title == "21 at once: number 0000 is not as it should be; and 20 more"
    assert one.detail.splitlines()[1] == "- number 0000 is not as it should be"
    assert one.detail.splitlines()[-1] == "- and 11 more"
    assert (one.org_id, one.integration_type) == (None, "xledger")
    assert one.touches["organizations_total"] == 21
    assert one.touches["conditions"] == 21


def test_as_many_as_are_allowed_have_one_each() -> None:
    assert changes(World().look(*many(20))) == [OPENED] * 20


def test_kinds_are_not_joined_with_each_other() -> None:
    found = World().look(*many(21), *many(3, IncidentKind.DRIFT))
    assert Counter(one.incident.condition.kind for one in found) == {IncidentKind.RUN_FAILED: 1, IncidentKind.DRIFT: 3}


def test_once_joined_they_stay_joined_until_few_are_left() -> None:
    world = World()
    world.look(*many(21))
    assert changes(world.look(*many(11))) == [KEPT]
    assert changes(world.look(*many(2))) == [OPENED, OPENED]
    assert changes(world.look(*many(2), after=5 * MINUTE)) == [KEPT, KEPT, CLOSED]
    assert changes(world.look(after=5 * MINUTE)) == [CLOSED, CLOSED]


def test_what_had_an_incident_before_goes_on_and_ends_without_a_word() -> None:
    world = World()
    world.look(*many(2))
    assert changes(world.look(*many(30))) == [KEPT, KEPT, OPENED]
    assert changes(world.look(*many(30)[1:], after=5 * MINUTE)) == [KEPT, KEPT, (IncidentChange.CLOSED, None)]
    assert changes(world.look(after=5 * MINUTE)) == [(IncidentChange.CLOSED, None), CLOSED]


def wide(**facts: Any) -> Condition:
    """The same of several organizations."""
    return condition("several", org_id=None, touches={}, **facts)


@pytest.mark.parametrize(
    ("other", "occasion"),
    [
        (wide(), None),
        (wide(integration_type=None), None),
        (wide(integration_type="bufdir"), Occasion.CLOSED),
        (wide(endpoint="https://vendor.example"), Occasion.CLOSED),
        (wide(kind=IncidentKind.DRIFT), Occasion.CLOSED),
        (condition("another of Fjord"), Occasion.CLOSED),
    ],
)
def test_what_many_have_by_now_has_not_ended_for_the_one(other: Condition, occasion: Occasion | None) -> None:
    world = World()
    world.look(condition())
    world.look(other)
    assert changes(world.look(other, after=5 * MINUTE)) == [KEPT, (IncidentChange.CLOSED, occasion)]


def test_many_that_ended_before_it_opened_do_not_speak_for_it() -> None:
    world = World()
    world.look(wide())
    world.look(condition())
    assert changes(world.look(after=5 * MINUTE)) == [CLOSED, CLOSED]


def test_what_is_silenced_is_not_joined() -> None:
    world = World()
    quiet = many(30, integration_type="xledger")
    loud = [condition(f"loud {n}", integration_type="bufdir") for n in range(3)]
    found = world.look(*quiet, *loud, silences=[XLEDGER])
    assert Counter(changes(found)) == {(IncidentChange.OPENED, None): 30, OPENED: 3}
    [fleet] = [one for one in world.look(*quiet, *loud) if one.occasion is not None]
    assert (fleet.incident.condition.subject, fleet.incident.condition.touches["conditions"]) == (FLEET, 33)


rhythms = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=80)


@given(rhythms, st.sampled_from([(timedelta(), 9), (MINUTE, 9), (5 * MINUTE, 7), (HOUR, 4)]))
def test_flapping_of_any_rhythm_is_damped(rhythm: list[tuple[int, bool]], case: tuple[timedelta, int]) -> None:
    """However it comes and goes, it opens at most so often in any six hours, and is told twice each time."""
    settle, most = case
    world = World(replace(RULES, settle=settle))
    for looks, holds in rhythm:
        for _ in range(looks):
            world.look(*([condition()] if holds else []))
    openings = [at for at, _, occasion in world.told if occasion is Occasion.OPENED]
    for first in openings:
        assert len([at for at in openings if first <= at < first + FLAPPING]) <= most
    assert len(openings) == len(world.incidents)


def test_the_fastest_flapping_that_there_is() -> None:
    """It comes back the moment that it has closed."""
    world = World()
    while world.at < NOON + FLAPPING:
        world.look(*([] if world.open else [condition()]))
    assert len(world.told) == 13


looks = st.lists(
    st.tuples(
        st.sets(st.integers(0, 3)),
        st.sampled_from([0, 0, 0, 12, 25]),
        st.lists(st.sampled_from([XLEDGER, Silence(org_id="org-1"), Silence(endpoint="x")]), max_size=2),
        st.sampled_from([LOOK, 5 * MINUTE, 40 * MINUTE, 25 * HOUR]),
        st.none() | st.integers(1, 5),
    ),
    max_size=40,
)


@given(looks)
def test_whatever_happens(
    happens: list[tuple[set[int], int, list[Silence], timedelta, int | None]],
) -> None:
    """What holds and is not silenced has been told, by itself or by the fleet's; what is silenced is not told; and
    each incident is told in order: its opening once, reminders, its end at most once.
    """
    world = World()
    for subjects, crowd, silences, after, acknowledged in happens:
        holding = [condition(f"number {n:04}", org_id=f"org-{n}") for n in sorted(subjects)]
        holding += many(crowd, integration_type="bufdir")[4:]
        if acknowledged in {one.id for one in world.open}:
            world.acknowledge(acknowledged or 0)
        found = world.look(*holding, silences=silences, after=after)
        open_now = {one.condition.key: one for one in world.open}
        fleet = open_now.get((IncidentKind.RUN_FAILED, FLEET))
        for one in holding:
            is_quiet = any(silence.fits(one) for silence in silences)
            own = open_now.get(one.key)
            spoken = [each for each in (own, fleet) if each is not None]
            assert spoken
            assert is_quiet or any(each.announced_at or each.acknowledged_at for each in spoken)
        for transition in found:
            if any(silence.fits(transition.incident.condition) for silence in silences):
                assert transition.occasion is None
    letters = {Occasion.OPENED: "o", Occasion.REMINDED: "r", Occasion.CLOSED: "c"}
    for number in world.incidents:
        assert re.fullmatch("(or*c?)?", "".join(letters[one] for one in world.occasions(number)))


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_no_look_tells_of_more_than_the_limit(numbers: list[int]) -> None:
    world = World()
    for number in numbers:
        told = [one.occasion for one in world.look(*many(number), after=3 * MINUTE) if one.occasion]
        assert told.count(Occasion.OPENED) <= 20
        assert told.count(Occasion.CLOSED) <= 21
