"""Acts on many runs: those there were, and a new one from a list of runs."""
