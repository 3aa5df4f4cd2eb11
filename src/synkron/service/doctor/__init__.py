"""Whether all that Synkron needs is there: checks that change nothing, each with its reason and its remedy."""
