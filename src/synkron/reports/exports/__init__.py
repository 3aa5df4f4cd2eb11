"""Which time is covered by a successful export, and which is not, with the reason: what a person is told."""
