"""What is known of the MCP servers that tools name: the tools each has, and which of them may be used."""
