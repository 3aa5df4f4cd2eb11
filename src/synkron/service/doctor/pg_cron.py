"""Whether pg_cron can tick, if it is to."""

from __future__ import annotations

import shlex

from synkron.incidents.conditions.wording import listed
from synkron.operations.pg_cron import CALL, JOBS, ClockStatus, SecondClock
from synkron.service.doctor.finding import Finding, Level, failed, ok

# What pg_cron says if the server asks it for a password.
CAN_NOT_CONNECT = "connection failed"
USE_WORKERS = (
    "Set cron.use_background_workers = on for the server, so that pg_cron needs no connection, and restart it."
)


def second_clock(status: ClockStatus, pg_net: str | None) -> Finding:
    """Whether pg_cron has its jobs, and what they call, if it is the second clock. ``pg_net`` is its version."""
    clock = status.clock
    if clock is None:
        versions = {"pg_cron": status.version, "pg_net": pg_net}
        named = " and ".join(f"{name} {version}" for name, version in versions.items() if version)
        return ok(f"It is not the second clock. This database has {named or 'neither pg_cron nor pg_net'}.")
    if status.version is None:
        return failed("pg_cron is the second clock, and is not installed in this database.", _install(clock))
    if clock.calls is not None and pg_net is None:
        return failed("pg_cron calls the API through pg_net, which is not installed.", "create extension pg_net;")
    jobs = {job.name: job for job in status.jobs}
    missing = [mode for mode in clock.modes if JOBS[mode][0] not in jobs]
    if missing and not status.sees_all_jobs:
        why = "Not checked, because pg_cron shows its jobs only to the role that installed them: run this as that role."
        return Finding(Level.SKIPPED, why)
    if missing:
        return failed(f'pg_cron has no job "{JOBS[missing[0]][0]}".', _install(clock, missing[0]))
    for job in status.jobs:
        if not job.is_active:
            return failed(
                f'pg_cron\'s job "{job.name}" is not active.',
                f"select cron.alter_job(jobid, active => true) from cron.job where jobname = '{job.name}';",  # noqa: S608
            )
        if job.status == "failed":
            why = f'The last run of pg_cron\'s job "{job.name}" failed: {job.message}.'
            if job.message == CAN_NOT_CONNECT:
                return failed(why, remedy=USE_WORKERS)
            return failed(why, *[_install(clock, mode) for mode, (name, _) in JOBS.items() if name == job.name])
    return ok(f"pg_cron {status.version} is the second clock: {listed(clock.modes)}.")


def _install(clock: SecondClock, mode: str | None = None) -> str:
    mode = mode or clock.modes[0]
    url = ["--url", clock.calls] if mode == CALL and clock.calls else []
    return shlex.join(["synkron", "pg-cron", "install", "--mode", mode, *url])
