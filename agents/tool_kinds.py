"""Which kinds of tool there are, and which side runs them. Plain Python: the task language reads it too.

Whatever treats kinds differently by who runs them asks here. The names are those of `ToolType`.
"""

ALL_KINDS = (
    "function", "integration", "system", "api_call", "mcp",
    "computer_20241022", "text_editor_20241022", "bash_20241022",
)  # fmt: skip
# The client is handed the call, and answers it.
CLIENT_RUN = frozenset({"function", "computer_20241022", "text_editor_20241022", "bash_20241022"})
SERVER_RUN = frozenset(ALL_KINDS) - CLIENT_RUN
