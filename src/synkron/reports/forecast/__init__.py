"""How many runs of the whole fleet will start in each minute, under any policies."""
