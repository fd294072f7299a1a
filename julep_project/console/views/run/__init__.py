"""The page of one run: its parts, its events, and what can be done to it."""
