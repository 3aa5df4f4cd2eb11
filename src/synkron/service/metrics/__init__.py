"""Figures for Prometheus, all from the database: each process that is asked answers the same."""
