"""Speaks with MCP servers, and knows nothing of what is stored about them.

`speaking` and what it needs import the library of the protocol; `client` loads them when first used, by name: most
processes never do.
"""
