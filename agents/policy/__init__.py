"""Where the content that a call of a tool depends on comes from, and what an agent's policy makes of it."""
