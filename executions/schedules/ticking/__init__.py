"""Decides about times that have come, and about what waits, and begins what is due."""
