"""Whether pg_cron can tick, if it is to."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from synkron.incidents.conditions.wording import listed
from synkron.operations.pg_cron import CALL, JOBS, ClockStatus, SecondClock
from synkron.service.doctor.finding import Finding, failed, ok, warning


def second_clock(status: ClockStatus, extensions: Mapping[str, str | None]) -> Finding:
    """Whether pg_cron can tick, if it is to. ``extensions`` has the installed versions of what the server offers."""
    clock = status.clock
    if clock is None:
        offered = ", ".join(_offered(name, extensions) for name in ("pg_cron", "pg_net"))
        return ok(f"Not used as a second clock ({offered}).")
    modes = listed(clock.modes)
    if status.version is None:
        return failed(f"pg_cron is the second clock ({modes}), and is not installed in this database.", _install(clock))
    if clock.calls is not None and extensions.get("pg_net") is None:
        return failed(
            "pg_cron is to call the API, and pg_net, which sends the request, is missing.", "create extension pg_net;"
        )
    jobs = {job.name: job for job in status.jobs}
    missing = [mode for mode in clock.modes if JOBS[mode][0] not in jobs]
    if missing:
        return warning(
            f"No job of pg_cron for {listed(missing)} can be seen: it is missing, or belongs to another role.",
            _install(clock, missing[0]),
        )
    if stopped := [job for job in status.jobs if not job.is_active]:
        return failed(
            f'The job "{stopped[0].name}" of pg_cron is not active.',
            f"select cron.alter_job(jobid, active => true) from cron.job where jobname = '{stopped[0].name}';",  # noqa: S608
        )
    if faulty := [job for job in status.jobs if job.status == "failed"]:
        return failed(f'The last run of the job "{faulty[0].name}" failed: {faulty[0].message}.', _install(clock))
    return ok(f"pg_cron {status.version} is the second clock: {modes}.")


def _offered(name: str, extensions: Mapping[str, str | None]) -> str:
    if name not in extensions:
        return f"the server has no {name}"
    return f"{name} {extensions[name] or 'is not installed in this database'}"


def _install(clock: SecondClock, mode: str | None = None) -> str:
    mode = mode or clock.modes[0]
    url = ["--url", clock.calls] if mode == CALL and clock.calls else []
    return shlex.join(["synkron", "pg-cron", "install", "--mode", mode, *url])
