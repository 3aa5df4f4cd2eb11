"""The application's own two tables: read, judged, never written."""
