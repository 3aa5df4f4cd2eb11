"""Synkron: fires the scheduled syncs of many organizations, once per period, and keeps the proof."""
