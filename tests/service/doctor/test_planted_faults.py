"""Faults that are planted in a real database, or in the settings: each is found, and what is said of it mends it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from synkron.runtime import wall_clock
from synkron.service.doctor.finding import Finding, Level
from tests.service.doctor.conftest import NAMES, PATIENT, Doctor
from tests.service.doctor.planted import FAULTS, Planted

pytestmark = pytest.mark.own_database

OK = {Level.OK}


def test_fifteen_are_planted_and_every_check_that_can_fail_finds_one() -> None:
    assert len(FAULTS) >= 15
    elsewhere = {"secrets", "connection", "server", "clock", "data API"}
    assert {one.check for one in FAULTS.values()} | elsewhere == set(NAMES)


@pytest.mark.parametrize("planted", FAULTS.values(), ids=FAULTS)
async def test_a_planted_fault_is_found_and_mended(doctor: Doctor, planted: Planted) -> None:
    doctor.configure(planted.settings)
    if planted.sql:
        await doctor.plant(planted.sql)
    up_to_it = PATIENT[: NAMES.index(planted.check) + 1]
    found = (await doctor.examined(checks=up_to_it))[planted.check][-1]
    assert found.level is planted.level, found
    assert re.search(planted.why, found.why), found
    assert any(re.search(planted.remedy, one) for one in (*found.commands, found.remedy or "")), found
    await mend(doctor, planted, found)
    assert {one.level for one in (await doctor.examined(checks=up_to_it))[planted.check]} == OK


async def mend(doctor: Doctor, planted: Planted, found: Finding) -> None:
    """Run the first command, or do what the remedy says."""
    mended_by = found.commands[0] if planted.mend is None else planted.mend
    if isinstance(mended_by, dict):
        doctor.configure(mended_by)
    elif mended_by.startswith("synkron"):
        await doctor.run(mended_by)
    else:
        await doctor.plant(mended_by)


async def test_a_secret_that_is_not_there(doctor: Doctor, tmp_path: Path) -> None:
    target = doctor.settings["types"]["xledger"]
    doctor.configure({"types": {"xledger": target | {"headers": {"X-Key": "env:NOT_SET"}}}})
    doctor.configure({"announce": {"channels": {"pager": f"file:{tmp_path}/none"}}})
    one, other = (await doctor.examined())["secrets"]
    assert one.why == (
        "types.xledger.headers.X-Key: the environment variable NOT_SET is not set; set it, or correct the name."
    )
    assert one.commands == ("export NOT_SET=SECRET",)
    assert f"the file {tmp_path}/none can't be read" in other.why
    (tmp_path / "none").write_text("json://127.0.0.1:1/", "utf-8")
    found = await doctor.examined(environment={"NOT_SET": "hush-hush"})
    assert {one.level for name in ("settings", "secrets") for one in found[name]} == OK


async def test_a_target_that_a_running_worker_calls_is_not_missing(doctor: Doctor) -> None:
    """As in the demo: its targets are in the settings of its process, and not in those that the doctor reads."""
    doctor.configure({"types": {"xledger": {}}})
    for at, level in (("- interval '1 hour'", Level.WARNING), ("+ interval '1 second'", Level.OK)):
        await doctor.plant(
            "delete from synkron.warmth;"
            f"insert into synkron.warmth (integration_type, met_at) values ('xledger', now() {at})"
        )
        found = await doctor.examined()
        assert ([one.level for one in found["targets"]], {one.level for one in found["rows"]}) == ([level], OK), at
    # What it has not called, while these settings have no target for it, is still told of.
    await doctor.plant("update organization_integrations set integration_type = 'dynamics'")
    found = await doctor.examined()
    assert "no target for dynamics" in found["rows"][-1].why


async def test_a_target_that_does_not_speak_tls(doctor: Doctor) -> None:
    target = doctor.settings["types"]["xledger"]["target"]
    doctor.configure({"types": {"xledger": {"target": target.replace("http://", "https://")}}})
    [found] = (await doctor.examined())["targets"]
    assert found.level is Level.FAILED
    assert ", the target of xledger, can't be reached from this host: " in found.why


@pytest.mark.parametrize(("seconds", "said"), [(10, "10 s ahead of"), (-7200, "2 hours behind")])
async def test_a_clock_that_is_off(doctor: Doctor, seconds: int, said: str) -> None:
    [found] = (await doctor.examined(clock=lambda: wall_clock() + timedelta(seconds=seconds)))["clock"]
    assert (found.level, found.commands) == (Level.WARNING, ("timedatectl set-ntp true",))
    assert said in found.why
