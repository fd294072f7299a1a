"""What a model is asked with: the system message, the history, the new messages, recalled docs and tools."""
