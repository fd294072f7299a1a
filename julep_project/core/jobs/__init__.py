"""Work in the background that a client can ask about, whatever app does it."""
