"""Agents as tools of others: what is said to one is answered in a session of its own."""
