"""Measures an installation beside raw Celery on the same services, and prints one table."""
