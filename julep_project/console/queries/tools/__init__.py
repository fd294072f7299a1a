"""Reads what tools are made of."""
