"""The engine: claim a branch, run a slice, commit, ring."""
