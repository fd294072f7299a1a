"""Who may act for a developer: keys, tokens, and what is checked of the developer itself."""
