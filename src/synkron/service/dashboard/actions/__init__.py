"""What people change from a page: each action says what it would do, and does it, by the functions of the commands."""

from __future__ import annotations

from collections.abc import Mapping

from synkron.service.dashboard.actions import channels, incidents, integrations, runs
from synkron.service.dashboard.actions.asked import Action

ACTIONS: Mapping[str, Action] = {
    "pause": Action(integrations.would_pause, integrations.pause, ("reason", "for")),
    "resume": Action(integrations.would_resume, integrations.resume),
    "trigger": Action(integrations.would_trigger, integrations.run_now, ("reason",)),
    "backfill": Action(integrations.would_backfill, integrations.backfill_range, ("from", "to")),
    "retry": Action(runs.would_retry, runs.retry),
    "cancel": Action(runs.would_cancel, runs.cancel, ("reason",)),
    "acknowledge": Action(incidents.would_acknowledge, incidents.acknowledge),
    "silence": Action(incidents.would_silence, incidents.silence, ("reason", "for")),
    "try_channel": Action(channels.would_try, channels.try_one),
    "unsilence": Action(incidents.would_unsilence, incidents.unsilence),
}
