"""Adopt: declare a ledger that was moved or restored as the original or a copy, so that it runs again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from synkron.errors import Advice, Refused
from synkron.ledger.installation import Installation, copied, read_installation, restored
from synkron.model import EVERYTHING, Occurrences, Window
from synkron.operations.audit import record
from synkron.operations.scope import live, read_rows, unfinished
from synkron.operations.transaction import write_transaction
from synkron.postgres.connection import Connection
from synkron.postgres.statements import statements
from synkron.settings.load import Settings
from synkron.source.due import all_occurrences


class Adopted(StrEnum):
    """What the ledger is: the original, which replaces the one it was made from, or a copy that runs beside it."""

    ORIGINAL = "original"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class AskedAdoption:
    """What the ledger is to be, and its name; None: the name in the settings, or the name that an original has."""

    adopted: Adopted
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What adopting would do.

    Everything up to ``watermark`` is decided; None if no scheduler has ticked. Since then, ``occurrences`` of
    ``integrations`` were due by the current rows, paused ones included. ``running`` and ``claimed`` runs have not
    finished.
    """

    installation: Installation
    adopted: Adopted
    name: str | None
    watermark: datetime | None
    occurrences: int
    integrations: int
    running: int
    claimed: int


async def plan_adopt(connection: Connection, settings: Settings, asked: AskedAdoption, now: datetime) -> AdoptionPlan:
    """What adopting would do. Raises what ``adopt`` raises."""
    found = await read_installation(connection)
    name = asked.name or settings.installation or (found.name if asked.adopted is Adopted.ORIGINAL else None)
    if settings.installation not in (None, name):
        raise Refused(
            f'The settings are for the installation "{settings.installation}", so nothing would run under '
            f'the name "{name}".',
            Advice.LEAVE_NAME_OUT,
        )
    if asked.adopted is Adopted.COPY and name is not None and name == found.name:
        raise Refused(f'"{name}" is the name of the ledger that this one was copied from.', Advice.NAME_COPY)
    watermark = await connection.fetchval(statements("operations/runs")["watermark"])
    running, claimed = await unfinished(connection, [EVERYTHING])
    due: list[Occurrences] = []
    if asked.adopted is Adopted.ORIGINAL and watermark is not None and watermark < now:
        rows = live(await read_rows(connection, settings, EVERYTHING), settings.types)
        due, _ = all_occurrences(rows, Window(max(watermark, now - settings.retention), now), settings.types)
    return AdoptionPlan(
        installation=found,
        adopted=asked.adopted,
        name=name,
        watermark=watermark,
        occurrences=sum(len(one.moments) for one in due),
        integrations=sum(bool(one.moments) for one in due),
        running=running,
        claimed=claimed,
    )


async def adopt(connection: Connection, settings: Settings, asked: AskedAdoption, author: str) -> Installation:
    """Adopt the ledger; returns the installation as it is then.

    As the original it keeps its id, and the next tick decides what it missed one by one. As a copy it gets a new id,
    starts now, and drops the unfinished runs of the other ledger. A ledger that is at home may be adopted too: a
    restored backup of the whole server looks like the original. Raises Refused if a copy is to have the name of the
    other ledger, or if the settings have another name.
    """
    async with write_transaction(connection) as now:
        plan = await plan_adopt(connection, settings, asked, now)
        if asked.adopted is Adopted.ORIGINAL:
            await restored(connection, plan.name)
        else:
            await copied(connection, plan.name)
        found = await read_installation(connection)
        after = _facts(found) | {"as": asked.adopted, "at": str(found.stands), "watermark": plan.watermark}
        before = _facts(plan.installation) | {"at": str(plan.installation.stood)}
        subject = f"installation {found.id}"
        await record(
            connection, author=author, action="adopt", subject=subject, about=EVERYTHING, before=before, after=after
        )
    return found


def _facts(installation: Installation) -> dict[str, object]:
    return {"installation": str(installation.id), "name": installation.name}
