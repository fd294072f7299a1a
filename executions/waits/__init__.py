"""Open waits: who may answer one, and with what."""
