"""The application's own two tables: they are read and checked, never written."""
