"""Programs made up at random, run by the engine and by a small reference interpreter."""
