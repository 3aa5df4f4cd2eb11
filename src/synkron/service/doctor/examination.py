"""Makes the checks one after the other, within a limit of time, whatever is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from synkron.errors import SynkronError
from synkron.postgres.connection import DRIVER_FAULTS, reason_of
from synkron.service.doctor import host
from synkron.service.doctor.check import Check, Context
from synkron.service.doctor.checks import CHECKS
from synkron.service.doctor.finding import Finding, Level, failed, refused
from synkron.settings.redaction import Redaction
from synkron.settings.secrets import secrets_of
from synkron.text import one_line, printable

# Seconds: for all checks together; and after which a check that can't be broken off loses the connection.
WITHIN = 30.0
BROKEN_OFF_WITHIN = 1.0
# Shows what may hold a lock, or keep the server busy.
BUSY = "select pid, state, xact_start, query from pg_stat_activity where state <> 'idle' order by xact_start;"

Report = dict[str, list[Finding]]
"""The findings of each check, by its name, in the order in which the checks are made."""


async def examine(given: Context, checks: Iterable[Check] = CHECKS) -> Report:
    """Make the checks. Their findings show no secret. Raises nothing but cancellation.

    A check that can't be made because another one failed is skipped, and says which.
    """
    hide = Redaction(secrets_of(given.settings, given.environment)).hide
    report: Report = {}
    # For each check that failed, or was not made because of one that did: the one that failed first.
    causes: dict[str, str] = {}
    last = asyncio.get_running_loop().time() + WITHIN
    with suppress(*DRIVER_FAULTS, SynkronError):  # at the end, of a connection that was lost
        async with given.stack:
            for check in checks:
                cause = next((causes[one] for one in check.needs if one in causes), None)
                found = [_skipped(f"the check {cause} failed")] if cause else await _made(check, given, last)
                report[check.name] = [_fit_to_be_shown(one, hide) for one in found]
                if cause or any(one.level is Level.FAILED for one in found):
                    causes[check.name] = cause or check.name
                if given.is_lost:
                    causes.setdefault("connection", check.name)
    return report


def not_examined(faults: Sequence[str]) -> Report:
    """The report if the settings are at fault as a whole: nothing else can be checked."""
    others = [check.name for check in CHECKS if check.name != "settings"]
    return {"settings": host.settings(faults, {}), **{name: [_skipped("the check settings failed")] for name in others}}


def _skipped(reason: str) -> Finding:
    return Finding(Level.SKIPPED, f"Not checked, because {reason}.")


async def _made(check: Check, given: Context, last: float) -> list[Finding]:
    """The findings of one check."""
    loop = asyncio.get_running_loop()
    left = min(check.within, last - loop.time())
    if left <= 0:
        return [_skipped(f"all checks together have {WITHIN:g} s")]
    given.until = loop.time() + left
    # A statement to a silent server can't even be cancelled.
    silence = loop.call_later(left + BROKEN_OFF_WITHIN, given.drop)
    try:
        async with asyncio.timeout(left), given.source.in_words():
            found = await check.make(given)
            return [found] if isinstance(found, Finding) else list(found)
    except TimeoutError:
        return [failed(f"No answer within {round(left, 1):g} s.", BUSY)]
    except SynkronError as error:
        return [refused(error)]
    except DRIVER_FAULTS as error:
        return [failed(f"The database did not answer this: {reason_of(error)}.", BUSY)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made
        why = f"This check has a fault, which is Synkron's own: {type(error).__name__}: {error}"
        return [failed(why, "synkron --verbose doctor")]
    finally:
        silence.cancel()


def _fit_to_be_shown(one: Finding, hide: Callable[[str], str]) -> Finding:
    """Without secrets, and printable. In a command the blanks count."""
    commands = tuple(printable(hide(command)) for command in one.commands)
    return replace(
        one, why=one_line(hide(one.why)), remedy=one.remedy and one_line(hide(one.remedy)), commands=commands
    )
