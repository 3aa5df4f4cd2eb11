"""The application as Procrastinate's command line finds it."""

from __future__ import annotations

import os

from bench.peers.procrastinate import application

_connections = os.environ["BENCH_CONNECTIONS"]

app = application(os.environ["BENCH_DATABASE_URL"], int(_connections) if _connections else None)
