"""Calls language models."""
