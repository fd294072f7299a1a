"""Runs the tools a task or a model calls."""
