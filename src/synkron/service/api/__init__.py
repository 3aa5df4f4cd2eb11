"""Synkron's HTTP API."""
