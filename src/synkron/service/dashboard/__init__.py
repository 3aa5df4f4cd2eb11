"""The dashboard: pages that say what Synkron fires, for whom, and what became of it."""
