"""Processes: roles, loops, nodes, the heartbeat, the HTTP API."""
