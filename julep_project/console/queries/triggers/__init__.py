"""Reads what begins runs, and what is told of them."""
