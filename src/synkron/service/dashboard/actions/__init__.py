"""What people change from a page: each action says what it would do, and does it, by the functions of the commands."""

from __future__ import annotations

from collections.abc import Mapping

from synkron.service.dashboard.actions import channels, incidents, integrations, runs
from synkron.service.dashboard.actions.asked import Action

ONE, SCOPE = ("integration",), ("integration", "org", "type")

ACTIONS: Mapping[str, Action] = {
    "pause": Action(integrations.would_pause, integrations.pause, SCOPE, ("reason", "for"), several=ONE),
    "resume": Action(integrations.would_resume, integrations.resume, (*SCOPE, "pause"), several=ONE),
    "trigger": Action(integrations.would_trigger, integrations.run_now, ONE, ("reason",)),
    "backfill": Action(integrations.would_backfill, integrations.backfill_range, ONE, ("from", "to")),
    "retry": Action(runs.would_retry, runs.retry, ("run",)),
    "cancel": Action(runs.would_cancel, runs.cancel, ("run",), ("reason",)),
    "acknowledge": Action(incidents.would_acknowledge, incidents.acknowledge, ("incident",)),
    "silence": Action(incidents.would_silence, incidents.silence, ("incident",), ("reason", "for")),
    "try_channel": Action(channels.would_try, channels.try_one, ("channel",)),
    "unsilence": Action(incidents.would_unsilence, incidents.unsilence, ("silence",)),
}
