"""Runs that calls of tools of the kind `task` begin."""
