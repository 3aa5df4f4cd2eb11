"""How vendors are: what is watched, probes, samples, verdicts."""
