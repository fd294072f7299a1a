"""The same done to many runs."""
