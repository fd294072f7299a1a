"""Ways to answer waits."""
