"""The application's two tables, read through Supabase's Data API (PostgREST) instead of a connection to PostgreSQL."""
