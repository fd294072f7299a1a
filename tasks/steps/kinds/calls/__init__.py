"""Kinds that call a model, a tool or a search."""
