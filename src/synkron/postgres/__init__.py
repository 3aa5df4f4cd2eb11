"""Connections to PostgreSQL, named SQL, batches, and the embedded server."""
