"""Synkron's own tables: claims, ticks, attempts, the queue, history and migrations."""
