"""Xledger."""

from __future__ import annotations

from datetime import timedelta

from synkron.settings.integrations.profile import Profile, Request

XLEDGER = Profile(
    name="xledger",
    title="Xledger",
    source="Xledger's GraphQL API and its UK price list, as published",
    probe=Request("HEAD", "https://www.xledger.net/"),
    # Each request counts: a tenth of 5,000 a month is one every 90 minutes.
    authorized=Request(
        "POST",
        "https://www.xledger.net/graphql",
        {"Content-Type": "application/json"},
        '{"query": "query { __typename }", "variables": {}}',
        interval=timedelta(minutes=90),
        counts=True,
    ),
    throttled_codes={
        "BAD_REQUEST.BURST_RATE_LIMIT_REACHED": timedelta(seconds=5),
        "BAD_REQUEST.INSUFFICIENT_CREDITS": timedelta(minutes=20),
    },
    allowance=5000,
    shortest_schedule=timedelta(minutes=15),
    concurrency=10,
    pace=60,
)
