"""What the dashboard asks: every integration at a glance, its past and what comes."""
