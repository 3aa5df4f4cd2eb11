"""The report's figures equal an independent count: SQL of its own, with multiranges, over a history at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from synkron.errors import Refused
from synkron.ledger import skips
from synkron.model import Scope, Window
from synkron.operations.backfill import AskedBackfill, backfill
from synkron.operations.pauses import AskedPause, pause, resume
from synkron.operations.runs import cancel, retry
from synkron.operations.trigger import trigger
from synkron.reports.exports.store import read_exports
from synkron.scheduler.tick import tick
from synkron.settings.load import Settings, TypeSettings
from synkron.settings.policy import CatchUp
from tests.conftest import Connection
from tests.support.fleet import add_integration, add_organization, utc
from tests.support.stepped_clock import install_clock, set_clock

HOUR = timedelta(hours=1)
HOURS = 72
AHEAD = timedelta(seconds=29, milliseconds=980)
SETTINGS = Settings(
    types={
        "xledger": TypeSettings(),
        "dynamics": TypeSettings(catch_up=CatchUp.ALL),
        "bufdir": TypeSettings(catch_up=CatchUp.SKIP, catch_up_window=timedelta(hours=3)),
    }
)
SCHEDULES = ["0 2 * * *", "0 * * * *", "*/20 * * * *", "30 1,13 * * *", "15 */4 * * *", "0 6 * * 1"]
ZONES = [None, "Europe/Oslo", "Asia/Kathmandu"]
SUCCEED = """
    update synkron.runs set state = 'succeeded', attempt = attempt + 1, started_at = now(), finished_at = now()
    where id = any($1)
"""
FAIL = """
    update synkron.runs set state = 'failed', attempt = attempt + 1, started_at = now(), finished_at = now(),
        failures = 1, error = 'the target answered 503', http_status = 503
    where id = any($1)
"""

# An export is an integration as long as it is of an organization and a type; a moment may be backfilled under another.
# $3 and on are the undecided moments, which another cron library finds: integration, organization, type, reason, moment
# and the schedule's moment before.
COUNT = """
    with pending as (
        select p.integration_id, p.org_id, p.integration_type, p.reason, p.moment,
            greatest(lag(p.moment) over (partition by p.integration_id order by p.moment), coalesce((
                select max(r.scheduled_for) from synkron.runs r
                where r.integration_id = p.integration_id and r.scheduled_for < p.moment and r.action <> 'merge'
                    and r.source in ('schedule', 'catch_up')
                    and not (r.action = 'run' and r.state = 'skipped' and r.reason like 'superseded%')
            ), p.before)) as since
        from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
            p (integration_id, org_id, integration_type, reason, moment, before)
    ),
    moments as (
        select distinct on (integration_id, org_id, integration_type, scheduled_for)
            integration_id, org_id, integration_type, scheduled_for as moment, period_start as since, action, state,
            reason, error
        from synkron.runs r
        where source <> 'manual' and scheduled_for > $1
            and (scheduled_for <= $2 or (scheduled_for <= now() and period_start < $2))
            and (state = 'succeeded' or not exists (
                select from synkron.runs moved
                where moved.integration_id = r.integration_id and moved.scheduled_for = r.scheduled_for
                    and moved.state = 'succeeded'
            ))
        order by integration_id, org_id, integration_type, scheduled_for, state = 'skipped', source <> 'backfill'
    ),
    covered as (
        select integration_id, org_id, integration_type, range_agg(tstzrange(period_start, scheduled_for, '(]')) as time
        from synkron.runs
        where state = 'succeeded'
        group by integration_id, org_id, integration_type
    ),
    judged as (
        select m.integration_id, m.org_id, m.integration_type, m.moment, m.since,
            case
                when fate.state = 'failed' and fate.error like 'cancelled%' then 'cancelled'
                when fate.state = 'failed' then 'failed'
                when fate.state in ('claimed', 'running') then 'open'
                when m.action = 'expire' then 'expired'
                when m.action = 'merge' then 'merged'
                when m.reason like 'cancelled%' then 'cancelled'
                when m.reason like 'superseded%' then 'superseded'
                else 'skipped'
            end as reason
        from moments m
        left join lateral (
            select state, error from synkron.runs r
            where r.integration_id = m.integration_id and r.org_id = m.org_id
                and r.integration_type = m.integration_type and r.source <> 'manual'
                and r.action = 'run' and r.state in ('failed', 'claimed', 'running')
                and tstzrange(r.period_start, r.scheduled_for, '(]') @> m.moment
            order by r.scheduled_for limit 1
        ) fate on true
        union all
        select integration_id, org_id, integration_type, moment, since, reason from pending
    ),
    parts as (
        select judged.*, moment <= $2 as counts,
            tstzmultirange(tstzrange(since, moment, '(]') * tstzrange($1, $2, '(]')) as part,
            coalesce(covered.time, '{}') as time
        from judged left join covered using (integration_id, org_id, integration_type)
    ),
    figures as (
        select integration_id, org_id, integration_type,
            count(*) filter (where counts) as due,
            count(*) filter (where counts and time @> part) as exported,
            jsonb_object_agg(reason, number) filter (where number > 0) as reasons,
            range_agg(part) - max_time as gaps
        from (
            select parts.*, count(*) filter (where counts and not time @> part)
                over (partition by integration_id, org_id, integration_type, reason) as number,
                time as max_time
            from parts
        ) counted
        group by integration_id, org_id, integration_type, max_time
    )
    select integration_id, org_id, integration_type, due, exported, coalesce(reasons, '{}')::text as reasons,
        coalesce((select sum(upper(gap) - lower(gap)) from unnest(gaps) gap), '0') as uncovered
    from figures
    where due > 0 or not isempty(gaps)
"""


def pending_moments(row: Any, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The moments of a row's schedule, each with the one before, by another cron library."""
    zone = ZoneInfo(row["timezone"] or "UTC")
    going = CronSim(row["cron_schedule"], (after - timedelta(days=8)).astimezone(zone))
    before = next(going)
    for moment in going:
        if moment > until:
            return
        if moment > after:
            yield moment, before
        before = moment


async def independent(connection: Connection, window: Window) -> dict[tuple[str, str, str], Any]:
    rows = await connection.fetch(
        "select i.id::text, org_id::text, integration_type, cron_schedule, timezone, h.since, is_enabled, "
        "(select at from synkron.watermark) as watermark, "
        "array(select scheduled_for from synkron.runs where integration_id = i.id::text and source <> 'manual') known "
        "from organization_integrations i join organizations o on o.id = org_id "
        "left join synkron.held h on h.integration_id = i.id::text"
    )
    pending = [
        (row["id"], row["org_id"], row["integration_type"], "paused" if row["since"] else "undecided", moment, before)
        for row in rows
        if row["is_enabled"]
        for moment, before in pending_moments(row, row["since"] or row["watermark"], window.end)
        if moment not in row["known"] and moment > window.start
    ]
    columns = [list(column) for column in zip(*pending, strict=True)] if pending else [[]] * 6
    found = await connection.fetch(COUNT, window.start, window.end, *columns)
    return {
        tuple(row)[:3]: (row["due"], row["exported"], json.loads(row["reasons"]), row["uncovered"]) for row in found
    }


async def told(connection: Connection, window: Window) -> dict[tuple[str, str, str], Any]:
    report = await read_exports(connection, SETTINGS, window)
    return {
        (one.integration_id, one.org_id, one.integration_type): (
            one.exported + sum(one.missing.values()),
            one.exported,
            {reason.value: number for reason, number in one.missing.items()},
            sum((stretch.window.end - stretch.window.start for stretch in one.uncovered), timedelta()),
        )
        for one in report.exports
        # A run that somebody triggered covers time, though nothing was due.
        if one.exported or one.missing or one.uncovered
    }


@pytest.mark.parametrize("seed", range(2))
async def test_the_figures_equal_an_independent_count(connection: Connection, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 (nothing is secret here)
    start = utc("2026-10-22T00:00:00")
    await install_clock(connection, start)
    organizations = [await add_organization(connection, zone=draw.choice(ZONES)) for _ in range(5)]
    ids = [
        await add_integration(
            connection, draw.choice(SCHEDULES), draw.choice(list(SETTINGS.types)), org_id=draw.choice(organizations)
        )
        for _ in range(20)
    ]
    outage = paused = None
    for hour in range(1, HOURS):
        now = start + hour * HOUR
        await set_clock(connection, now - AHEAD)
        if outage is None and draw.random() < 0.04:
            outage = hour + draw.randint(2, 12)
        if outage is not None and hour >= outage:
            outage = None
        if outage is None:
            await tick(connection, SETTINGS, scheduler="test")
        await set_clock(connection, now + timedelta(minutes=5))
        await _deliver(connection, draw)
        await _edit(connection, draw, ids)
        if paused is None and draw.random() < 0.1:
            scope = draw.choice([Scope(integration_type="dynamics"), Scope(org_id=draw.choice(organizations))])
            [paused] = await pause(connection, SETTINGS, AskedPause([scope], "a move"), "kari")
        elif paused is not None and draw.random() < 0.15:
            await resume(connection, SETTINGS, [paused.id], "kari")
            paused = None
        await _operate(connection, draw, ids, now)
    for first, last in ((0, HOURS), (30, 54), (30, 31), (HOURS - 10, 2 * HOURS)):
        window = Window(start + first * HOUR, min(start + last * HOUR, now + timedelta(minutes=5)))
        assert await told(connection, window) == await independent(connection, window)


async def _deliver(connection: Connection, draw: random.Random) -> None:
    """What has come due succeeds, fails, waits on, or is superseded or cancelled."""
    rows = await connection.fetch(
        "select id from synkron.runs where state = 'claimed' and execute_after <= now() order by scheduled_for, id"
    )
    done: dict[str, list[int]] = {"succeed": [], "fail": [], "wait": [], "supersede": [], "cancel": []}
    for row in rows:
        [fate] = draw.choices(list(done), [80, 8, 6, 3, 3])
        done[fate].append(row["id"])
    await connection.execute(SUCCEED, done["succeed"])
    await connection.execute(FAIL, done["fail"])
    if done["supersede"]:
        superseded = [skips.Skip(run_id, "superseded: the schedule is now another", 0) for run_id in done["supersede"]]
        await skips.skip_all(connection, superseded, None)
    if done["cancel"]:
        await cancel(connection, done["cancel"], "kari", "not wanted")


async def _edit(connection: Connection, draw: random.Random, ids: list[str]) -> None:
    if draw.random() < 0.3:
        await connection.execute(
            "update organization_integrations set cron_schedule = $2 where id::text = $1",
            draw.choice(ids),
            draw.choice(SCHEDULES),
        )
    if draw.random() < 0.1:
        await connection.execute(
            "update organization_integrations set is_enabled = not is_enabled where id::text = $1", draw.choice(ids)
        )
    if draw.random() < 0.1:
        await connection.execute(
            "update organization_integrations set integration_type = $2 where id::text = $1",
            draw.choice(ids),
            draw.choice(list(SETTINGS.types)),
        )


async def _operate(connection: Connection, draw: random.Random, ids: list[str], now: datetime) -> None:
    """An operator backfills, retries and triggers; what can't be done now is refused."""
    one = Scope(integration_id=draw.choice(ids))
    with suppress(Refused):
        if draw.random() < 0.3:
            asked = AskedBackfill(one, now - draw.randint(2, 30) * HOUR, now - HOUR)
            await backfill(connection, SETTINGS, asked, "kari")
        if draw.random() < 0.3 and (
            failed := await connection.fetchval("select min(id) from synkron.runs where state = 'failed'")
        ):
            await retry(connection, SETTINGS, [failed], "kari")
        if draw.random() < 0.2:
            await trigger(connection, SETTINGS, one, "kari")
