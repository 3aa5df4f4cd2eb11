"""Warms targets up before their runs, and records how warm they were."""
