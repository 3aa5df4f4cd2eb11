"""From what is due to claimed runs: decide, spread, tick."""
