"""Questions to the ledger that change nothing: verify, why, drift, forecast."""
