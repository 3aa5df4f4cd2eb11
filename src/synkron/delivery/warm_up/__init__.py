"""Targets are warmed up ahead of their runs, and how warm they were is known."""
