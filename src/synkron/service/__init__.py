"""Processes: their roles and loops, the dead man's ping, and the HTTP API."""
