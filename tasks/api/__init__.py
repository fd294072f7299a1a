"""HTTP views of task definitions."""
