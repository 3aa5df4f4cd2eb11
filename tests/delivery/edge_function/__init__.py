"""Edge Functions as targets: the settings, the function of `examples/supabase` in Deno, and Synkron against it."""
