"""The page of an integration: its times are those of its organization's zone, whatever its schedule is."""

from __future__ import annotations

import re

from tests.conftest import Connection
from tests.service.api.cast import add_run, make_cast
from tests.support.api import Api
from tests.support.fleet import add_integration, add_organization

PAGE = {"Accept": "text/html"}
# A schedule, a zone, the zone that the question is labelled with, the name that its times have, and 12:00 in UTC.
CASES = [
    ("0 3 * * *", "Europe/Oslo", "Europe/Oslo", "Oslo", "10:00"),
    ("99 3 * * *", "Europe/Oslo", "Europe/Oslo", "Oslo", "10:00"),
    (None, "Europe/Oslo", "Europe/Oslo", "Oslo", "10:00"),
    # What is no zone can't be read: that of the page counts, and is named.
    ("0 3 * * *", "Europe/Olso", "UTC", "UTC", "12:00"),
]


async def test_a_page_has_one_zone_and_names_it(api: Api, connection: Connection) -> None:
    await make_cast(connection)
    for schedule, zone, label, name, noon in CASES:
        org_id = await add_organization(connection, "Fjord", zone)
        integration = await add_integration(connection, schedule, org_id=org_id)
        await add_run(connection, org_id, integration, "e")
        page = await api.get(f"/integrations/{integration}?at=2026-05-21T12:00", headers=PAGE)
        shown = page.text
        runs = shown[shown.index('id="runs"') : shown.index('id="schedule"')]
        asked = shown[shown.index('id="why"') : shown.index('id="policy"')]
        assert set(re.findall(r'title="[^"]* (\w+)"', runs)) == {name}, schedule
        assert f"({label})" in asked, schedule
        assert f"at 2026-05-21 {noon} UTC" in asked, (schedule, zone)
