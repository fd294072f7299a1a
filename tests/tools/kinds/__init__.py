"""Tasks and agents as tools."""
