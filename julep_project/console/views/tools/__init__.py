"""Pages of what tools are made of."""
