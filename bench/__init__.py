"""What Synkron measures of itself. Speed is shown here and never in a timed test."""
