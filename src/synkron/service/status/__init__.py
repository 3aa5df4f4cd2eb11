"""Whether all is well: who ticks and works, what waits, what is wrong, and what comes next."""
