"""Every profile in the registry is fit to be used: a new integration type is checked by being listed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from synkron.settings.integrations import BUILT_IN, FLAVOURS, PROFILES, SHORTEST_INTERVAL, Profile, Request, profile_of
from synkron.settings.load import Settings, TypeSettings

MONTH = timedelta(days=31)
EACH = pytest.mark.parametrize("profile", PROFILES, ids=lambda one: f"{one.name} {one.flavour}".strip())


def requests_of(profile: Profile) -> list[Request]:
    return [request for request in (profile.probe, profile.authorized) if request is not None]


@EACH
def test_it_says_what_it_is_and_where_that_is_from(profile: Profile) -> None:
    assert profile.name == profile.name.lower()
    assert profile.title.strip()
    assert profile.source.strip()
    assert BUILT_IN[profile.name].name == profile.name
    assert profile_of(profile.name, profile.flavour) is profile


# requirement R18.1
@EACH
def test_probes_are_far_apart_and_go_to_an_address(profile: Profile) -> None:
    for request in requests_of(profile):
        assert request.interval >= SHORTEST_INTERVAL
        assert request.method in ("HEAD", "GET", "OPTIONS", "POST")
        assert request.url is None or request.url.startswith(("https://", "http://"))
        assert (request.body is None) or request.method == "POST"
        assert "Authorization" not in request.headers


@EACH
def test_a_month_s_probes_fit_a_tenth_of_the_allowance(profile: Profile) -> None:
    for request in requests_of(profile):
        if request.counts:
            assert profile.allowance is not None
            assert MONTH / request.interval <= profile.allowance / 10


@EACH
def test_a_probe_without_credentials_costs_nothing(profile: Profile) -> None:
    assert profile.probe is None or not profile.probe.counts


@EACH
def test_its_limits_make_sense(profile: Profile) -> None:
    assert timedelta() < profile.slow_after < profile.timeout <= timedelta(minutes=1)
    assert all(wait > timedelta() for wait in profile.throttled_codes.values())
    assert profile.shortest_schedule >= timedelta(minutes=1)
    assert profile.concurrency >= 1
    assert profile.pace is None or profile.pace >= 1
    assert profile.warm_up in ("GET", "HEAD", "OPTIONS")


def test_flavours_tell_the_profiles_of_a_name_apart() -> None:
    assert max(Counter((one.name, one.flavour) for one in PROFILES).values()) == 1
    several = {name for name, count in Counter(one.name for one in PROFILES).items() if count > 1}
    assert all(one.flavour for one in PROFILES if one.name in several)
    assert {name for name, flavours in FLAVOURS.items() if flavours} == several


def test_a_type_that_is_not_built_in_has_nothing_but_its_name() -> None:
    made = profile_of("fiken")
    assert (made.name, made.probe, made.authorized, made.allowance) == ("fiken", None, None, None)


def test_the_settings_give_each_type_its_profile() -> None:
    types = Settings(types={"dynamics": {"flavour": "dataverse"}, "fiken": {}}).types
    assert types["dynamics"].profile is profile_of("dynamics", "dataverse")
    assert types["fiken"].profile == profile_of("fiken")
    with pytest.raises(AttributeError):
        _ = TypeSettings().profile
