"""Starts a run that goes on where another one stood, or begins it anew."""
