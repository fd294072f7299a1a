"""Answers to waits by a link, from people who have no account."""
