"""Programs that are kept running, and ended together, whatever happens to who started them."""
