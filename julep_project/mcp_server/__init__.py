"""The platform as an MCP server: agents, tasks and docs of one developer for programs that speak the protocol."""
