"""The page of an integration: its times are those of its organization's zone, and it offers what can be done."""

from __future__ import annotations

import re
from datetime import timedelta

from synkron.operations.access.actor import Permission
from tests.conftest import Connection
from tests.service.api.cast import add_run, make_cast
from tests.support.api import Api, token_of
from tests.support.fleet import add_integration, add_organization

PAGE = {"Accept": "text/html"}
PAUSE = (
    "insert into synkron.pauses (integration_id, until, reason, author, starts_at) "
    "values ($1, $2, 'moving', 'kari', now() - interval '1 hour')"
)
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


# A row (enabled, its schedule, whether it is paused), and why it can't be run now.
NOT_NOW = [
    (True, "0 3 * * *", False, None),
    (False, "0 3 * * *", False, "It is disabled. Enable its row first."),
    (True, "99 3 * * *", False, "It can&#39;t run. Correct its row first."),
    (True, "0 3 * * *", True, "It is paused. Resume it first."),
]


async def test_run_now_is_offered_where_it_would_not_be_refused(api: Api, connection: Connection) -> None:
    await make_cast(connection)
    operator = api.with_token(await token_of(connection, Permission.OPERATE))
    for enabled, schedule, paused, reason in NOT_NOW:
        integration = await add_integration(connection, schedule, enabled=enabled)
        if paused:
            await connection.execute(PAUSE, integration, None)
        shown = (await operator.get(f"/integrations/{integration}", headers=PAGE)).text
        assert ("/act/trigger" in shown) is (reason is None)
        assert (f'disabled title="{reason}"' in shown) is (reason is not None)
        asked = await operator.get(f"/act/trigger?integration={integration}", headers=PAGE)
        assert (asked.status == 200) is (reason is None)


async def test_no_moment_that_is_paused_or_never_comes_counts_down(api: Api, connection: Connection) -> None:
    await make_cast(connection)
    now = await connection.fetchval("select now()")
    # Each hour at this minute; the half hour between the zones shows whether each time has its zone.
    schedule = f"{(now.minute + 30) % 60} * * * *"
    for until, enabled, held, counted in (
        (None, True, 10, 0),
        (now + timedelta(minutes=150), True, 2, 8),
        (now, True, 0, 10),
        (now, False, 0, 0),
    ):
        org_id = await add_organization(connection, "Fjord", "Asia/Kolkata")
        integration = await add_integration(connection, schedule, org_id=org_id, enabled=enabled)
        await connection.execute(PAUSE, integration, until)
        shown = (await api.get(f"/integrations/{integration}", headers=PAGE)).text
        moments = shown[shown.index('class="moments"') : shown.index('id="why"')]
        assert (moments.count("paused"), moments.count("data-at")) == (held, counted)
        assert moments.count(" UTC") == moments.count("Kolkata ·") == 10
