"""Runs and messages that begin at times: schedules, and what became of each of their times."""
