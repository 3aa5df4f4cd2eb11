"""Bufdir, the Norwegian Directorate for Children, Youth and Family Affairs."""

from __future__ import annotations

from datetime import timedelta

from synkron.settings.integrations.profile import Profile, Request

BUFDIR = Profile(
    name="bufdir",
    title="Bufdir",
    source="no public API was found: reports go through a portal with ID-porten login, at certain times of the year",
    probe=Request("HEAD", "https://www.bufdir.no/", interval=timedelta(hours=1)),
    slow_after=timedelta(seconds=8),
    shortest_schedule=timedelta(days=1),
    concurrency=10,
    pace=30,
)
