"""Removes files that are too old, and docs of a user."""
