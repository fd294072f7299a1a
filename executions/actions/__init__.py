"""Calls of runs that wait for something to be done outside."""
