"""Runs of tasks."""
