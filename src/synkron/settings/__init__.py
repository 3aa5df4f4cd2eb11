"""What may be set, the secrets that settings point to, and the defaults of each built-in integration type."""
