"""Where the content comes from that may reach the calls of a program, told without running it."""
