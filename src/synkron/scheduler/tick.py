"""The tick: it claims what is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from synkron.cron.timeline import utc
from synkron.errors import Advice, Refused
from synkron.ledger import claims, retention, ticks
from synkron.ledger.attempts import expire
from synkron.ledger.installation import at_home, note_place
from synkron.model import Decision, InvalidIntegration, Steps, Window
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.runtime import by_turns
from synkron.scheduler.decide import HEAD_START, decide, replay, window_of
from synkron.scheduler.moves import move_left_behind
from synkron.scheduler.pending import PendingWork, read_pending, write_holds
from synkron.scheduler.starts import pace_starts
from synkron.settings.load import Settings
from synkron.source.due import not_understood, window_around
from synkron.source.queries import SourceQueries

if TYPE_CHECKING:
    from synkron.source.mirror import Mirror

AHEAD = timedelta(minutes=1)


# requirement R15
async def tick(
    connection: Connection,
    settings: Settings,
    *,
    scheduler: str,
    source: str = "service",
    at: datetime | None = None,
    mirror: Mirror | None = None,
) -> Tick:
    """One tick. Everything it decides is written in one transaction, or nothing is.

    Behind a Data API, the ``mirror`` of the tables is refreshed first: without a whole read there is no tick.

    1. Read the database's clock; ``at`` replaces it if given.
    2. Lock the watermark, and check that the ledger is at home. If that had to wait for another tick, begin again. The
       window is from the watermark to half a minute ahead. A given moment before it is replayed: only its minute is
       decided, and the watermark stays.
    3. Read what is due in the window, and what was on hold by a pause that has ended or a fault that is corrected.
    4. Decide every occurrence, except those of integrations that are paused or can't run for now.
    5. Claim: write the runs, their jobs, the tick's own row, and the watermark. Runs that lost their job get a new one,
       and accepted ones that were not completed in time fail.

    ``source`` is 'service', 'once' or 'pg_cron'; ``scheduler`` names this scheduler in the tick's row. Concurrent ticks
    run one after the other, and each leaves alone what an earlier one has claimed (G2). Raises Refused if ``at`` is
    ahead of the clock or before the retention, or if the settings are for another installation; NotAtHome,
    ServiceRoleRequired, SourceTableMissing and LedgerMissing; and what reading the Data API raises.
    """
    queries = SourceQueries(settings.source)
    async with queries.in_words():
        if mirror is not None:
            await mirror.refresh(connection)
        try:
            return await _tick(connection, settings, queries, scheduler, source, at)
        except _Overtaken:
            # If it happens again (the clock was set back, or a third scheduler was quicker), it decides all the same.
            return await _tick(connection, settings, queries, scheduler, source, at, is_second_try=True)


class _Overtaken(Exception):
    """This tick waited for another one, and its clock, which is fixed in a transaction, is older than the other's.

    It could decide a moment after the following moment was decided, whose period would then begin too early.
    """


async def _tick(
    connection: Connection,
    settings: Settings,
    queries: SourceQueries,
    scheduler: str,
    source: str,
    at: datetime | None,
    *,
    is_second_try: bool = False,
) -> Tick:
    async with connection.transaction(isolation="read_committed"):
        await queries.secure(connection)
        clock = await database_clock(connection)
        now = clock if at is None else _given(at, clock, settings.retention)
        oldest = clock - settings.retention
        watermark = max(await ticks.lock_watermark(connection), oldest)
        if at is None and not is_second_try and now + HEAD_START < watermark:
            raise _Overtaken
        installation = await at_home(connection, settings)
        replayed = at is not None and now + HEAD_START <= watermark
        window = window_around(now) if replayed else window_of(watermark, now, installation.copied_at)
        pending = await read_pending(
            connection, window, queries, settings, now, decided_until=watermark, oldest=oldest, replayed=replayed
        )
        pending, decided = await by_turns(_decide(pending, now, installation.restored_until, replayed=replayed))
        decisions = await pace_starts(connection, decided, settings.policies, clock)
        await retention.keep_partitions(connection, pending.first(window), clock, settings.retention)
        number = await ticks.open_tick(connection, now, window, pending.figures, source=source, scheduler=scheduler)
        claimed = await claims.claim(connection, decisions, tick_id=number, installation=installation.id)
        await write_holds(connection, pending, number, oldest, queries)
        await move_left_behind(connection, queries, settings.types)
        await claims.requeue_lost(connection)
        await expire(connection)
        await ticks.close_tick(connection, number, claimed)
        if not replayed:
            await ticks.move_watermark(connection, window.end)
        if not installation.is_noted:
            await note_place(connection)
    return Tick(
        now,
        window,
        pending.figures.due,
        len(claimed.run_ids),
        claimed.skipped,
        len(pending.held) + len(pending.waiting),
        tuple(pending.invalid),
        claimed.run_ids,
        await by_turns(_ahead(decisions, clock, has_claimed=bool(claimed.run_ids))),
    )


def _ahead(decisions: Iterable[Decision], clock: datetime, *, has_claimed: bool) -> Steps[dict[str, datetime]]:
    """The first start of each type's runs within a minute.

    If several schedulers tick together, only the one that claims the runs has any, so it alone warms the targets up.
    Starts that are spread after their moment are found again by the scheduler that ticks then.
    """
    first: dict[str, datetime] = {}
    end = clock + AHEAD
    for one in decisions:
        start = one.execute_after
        if start is not None and clock < start <= end and (has_claimed or one.moments[0] <= clock):
            kind = one.integration.integration_type
            if kind not in first or start < first[kind]:
                first[kind] = start
        yield
    return first


def _decide(
    pending: PendingWork, now: datetime, restored_until: datetime | None, *, replayed: bool
) -> Steps[tuple[PendingWork, list[Decision]]]:
    """The decisions, and the pending without the integrations on which Synkron itself failed."""
    released = {one.integration.integration_id: one.hold for one in pending.released}
    decisions = [*pending.merged]
    failed: list[InvalidIntegration] = []
    for one in pending.due:
        try:
            if replayed:
                decisions += replay([one], now)
            else:
                decisions += decide([one], now, pending.policies, released=released, restored_until=restored_until)
        except Exception as error:  # noqa: BLE001 (as in all_occurrences)
            failed.append(not_understood(one.integration, error))
        yield
    return pending.without(failed) if failed else pending, decisions


def next_tick(now: datetime) -> datetime:
    """The next half minute: half a minute before each minute, and again on the minute (design 3)."""
    past = timedelta(seconds=now.second, microseconds=now.microsecond)
    return now - past + HEAD_START * (past // HEAD_START + 1)


def _given(at: datetime, clock: datetime, retention: timedelta) -> datetime:
    """The given moment, in UTC. Raises Refused if it is ahead of the clock or before the retention."""
    at = utc(at)
    if at > clock + HEAD_START:
        raise Refused(
            f"{at.isoformat()} is ahead of the database's clock ({clock.isoformat()}); a tick claims what is due "
            "now or was due before.",
            Advice.SEE_UPCOMING,
        )
    if at < clock - retention:
        raise Refused(
            f"{at.isoformat()} is before the retention of {retention.days} days: the ledger no longer knows which runs "
            "were delivered, so they could be delivered twice. Give a later moment, or set a longer retention."
        )
    return at


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. ``run_ids`` are the runs that it claimed, without those that another scheduler claimed.

    ``held`` counts the integrations whose moments stay undecided because they are paused or can't run for now.
    ``ahead`` has, for each type, the first start of a run of this tick within the next minute: its target may be warmed
    up for it.
    """

    at: datetime
    window: Window
    due: int
    claimed: int
    skipped: int
    held: int
    invalid: tuple[InvalidIntegration, ...]
    run_ids: tuple[int, ...]
    ahead: Mapping[str, datetime] = field(default_factory=dict)
