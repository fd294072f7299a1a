"""Conversations, and what models were told in them."""
