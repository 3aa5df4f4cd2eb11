"""The demonstration: a fleet of twelve organizations, and the vendors' endpoints that their runs call."""
