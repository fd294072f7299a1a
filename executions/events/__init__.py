"""Named facts that clients, hooks and runs record, and that waits of runs take."""
