"""Probes: the lightest request that shows whether a vendor answers, and how its answer is judged."""
