"""The tick: what is due is claimed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from synkron.cron.timeline import utc
from synkron.errors import Refused
from synkron.ledger import claims
from synkron.ledger.attempts import expire
from synkron.ledger.installation import at_home, note_place
from synkron.model import Decision, InvalidIntegration, Tick
from synkron.postgres.clock import database_clock
from synkron.postgres.connection import Connection
from synkron.scheduler.decide import HEAD_START, decide, replay, window_of
from synkron.scheduler.moves import follow_left_behind
from synkron.scheduler.pending import Agenda, read_agenda, settle
from synkron.scheduler.starts import pace_starts
from synkron.settings.load import Settings
from synkron.source.due import not_understood
from synkron.source.queries import SourceQueries, secure
from synkron.source.reader import window_around
from synkron.steps import Steps
from synkron.waiting import by_turns

AHEAD = timedelta(minutes=1)


async def tick(
    connection: Connection, settings: Settings, *, scheduler: str, source: str = "service", at: datetime | None = None
) -> Tick:
    """One tick. Everything it decides is written in one transaction, or nothing is.

    1. Read the database's clock; ``at`` stands for it where a moment is given.
    2. Lock the watermark, and see that the ledger is at home. Where another tick was waited for, begin again. The
       window goes from the watermark to half a minute ahead. A given moment that lies before it is replayed: its minute
       alone is decided, and the watermark stays.
    3. Read what is due in the window, and what was held by a pause that has ended, or by a fault that is mended.
    4. Decide every occurrence, but for those of integrations that are paused, or can't be fired for now.
    5. Claim: the runs, their jobs, the tick's own row, and the watermark; runs that lost their job get a new one, and
       accepted ones that nobody completed in time fail.

    ``source`` is 'service' or 'once'; ``scheduler`` names this scheduler in the tick's row. Ticks that meet come one
    after the other, and what one has claimed the next leaves alone (G2). Raises Refused when ``at`` lies ahead of
    the clock or before the retention, or the settings are another installation's, NotAtHome, ServiceRoleRequired,
    SourceTableMissing and LedgerMissing.
    """
    queries = SourceQueries(settings.source)
    async with queries.in_words():
        try:
            return await _tick(connection, settings, queries, scheduler, source, at)
        except _Overtaken:
            # Where it is so again (the clock was set back, or a third scheduler was quicker), it decides as it is.
            return await _tick(connection, settings, queries, scheduler, source, at, is_second_try=True)


class _Overtaken(Exception):
    """The clock, which stands still in a transaction, was read before that of another tick, for which this one waited.

    It could decide a moment after its successor, whose period begins before that moment.
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
        await secure(connection)
        clock = await database_clock(connection)
        now = clock if at is None else _given(at, clock, settings.retention)
        oldest = clock - settings.retention
        watermark = max(await claims.lock_watermark(connection), oldest)
        if at is None and not is_second_try and now + HEAD_START < watermark:
            raise _Overtaken
        installation = await at_home(connection, settings)
        replayed = at is not None and now + HEAD_START <= watermark
        window = window_around(now) if replayed else window_of(watermark, now, installation.copied_at)
        agenda = await read_agenda(connection, window, queries, settings, now, oldest=oldest, replayed=replayed)
        agenda, decided = await by_turns(_decide(agenda, now, installation.restored_until, replayed=replayed))
        decisions = await pace_starts(connection, decided, agenda.policies, clock)
        await claims.keep_partitions(connection, agenda.first(window), clock, settings.retention)
        number = await claims.open_tick(connection, now, window, agenda.figures, source=source, scheduler=scheduler)
        claimed = await claims.claim(connection, decisions, tick_id=number, installation=installation.id)
        await settle(connection, agenda, queries)
        await follow_left_behind(connection, queries, settings.types)
        await claims.recover(connection)
        await expire(connection)
        await claims.close_tick(connection, number, claimed)
        if not replayed:
            await claims.move_watermark(connection, window.end)
        if not installation.is_noted:
            await note_place(connection)
    return Tick(
        now,
        window,
        agenda.figures.due,
        len(claimed.run_ids),
        claimed.skipped,
        len(agenda.held) + len(agenda.waiting),
        tuple(agenda.invalid),
        claimed.run_ids,
        await by_turns(_ahead(decisions, clock, has_claimed=bool(claimed.run_ids))),
    )


def _ahead(decisions: Iterable[Decision], clock: datetime, *, has_claimed: bool) -> Steps[dict[str, datetime]]:
    """The first start of each type's runs within a minute.

    Of several schedulers that tick together only the one that claims has any, so that it alone warms the targets up.
    Starts that are spread over the time after their moment are looked at again by whoever ticks then.
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
    agenda: Agenda, now: datetime, restored_until: datetime | None, *, replayed: bool
) -> Steps[tuple[Agenda, list[Decision]]]:
    """The decisions, and the agenda without the integrations with which Synkron met an error of its own."""
    released = {one.integration.integration_id: one.hold for one in agenda.released}
    decisions: list[Decision] = []
    failed: list[InvalidIntegration] = []
    for one in agenda.due:
        try:
            if replayed:
                decisions += replay([one], now)
            else:
                decisions += decide([one], now, agenda.policies, released=released, restored_until=restored_until)
        except Exception as error:  # noqa: BLE001 (as in judge_all)
            failed.append(not_understood(one.integration, error))
        yield
    return agenda.without(failed) if failed else agenda, decisions


def next_tick(now: datetime) -> datetime:
    """The next half minute: half a minute before each minute, and again on the minute (design 3)."""
    past = timedelta(seconds=now.second, microseconds=now.microsecond)
    return now - past + HEAD_START * (past // HEAD_START + 1)


def _given(at: datetime, clock: datetime, retention: timedelta) -> datetime:
    """The moment that was given, in UTC. Raises Refused where the ledger can't hold it."""
    at = utc(at)
    if at > clock + HEAD_START:
        raise Refused(
            f"{at.isoformat()} lies ahead of the database's clock ({clock.isoformat()}); a tick claims what is due "
            "now or was due before. To see what will be due, ask `synkron due --at`."
        )
    if at < clock - retention:
        raise Refused(
            f"{at.isoformat()} lies before the retention of {retention.days} days: whether its runs were delivered is "
            "forgotten, so they could be doubled. Give a later moment, or a longer retention."
        )
    return at
