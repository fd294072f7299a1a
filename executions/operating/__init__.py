"""What operators do to all runs."""
