"""The HTTP client session that all rooms share, and how answers are read."""
