"""Random programs on a private installation whose processes are killed, frozen and wiped meanwhile."""
