"""The settings, the secrets that they point to, and the defaults of each built-in integration type."""
