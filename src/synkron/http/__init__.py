"""One client session for all, and how an answer is read."""
