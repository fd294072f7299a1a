"""Removes runs: those that are too old, and those about a user."""
