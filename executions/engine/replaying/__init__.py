"""Goes on where another run stood."""
