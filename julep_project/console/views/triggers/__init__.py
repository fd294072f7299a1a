"""Pages of what begins runs, and of what is told of them."""
