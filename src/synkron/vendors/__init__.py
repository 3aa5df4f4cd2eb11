"""The health of the vendors: watches, probes, samples and verdicts."""
