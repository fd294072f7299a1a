"""The step kinds, one module each."""
