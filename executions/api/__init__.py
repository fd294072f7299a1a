"""HTTP views of runs."""
