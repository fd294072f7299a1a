"""Tells addresses of a developer what has happened."""
