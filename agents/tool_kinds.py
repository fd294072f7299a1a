"""Which kinds of tool there are, and which side runs them. Plain Python: the task language reads it too.

Whatever treats kinds differently by who runs them asks here. The names are those of `ToolType`.
"""

ALL_KINDS = (
    "function", "integration", "system", "api_call", "mcp", "task", "agent",
    "computer_20241022", "text_editor_20241022", "bash_20241022",
)  # fmt: skip
# The client is handed the call, and answers it.
CLIENT_RUN = frozenset({"function", "computer_20241022", "text_editor_20241022", "bash_20241022"})
SERVER_RUN = frozenset(ALL_KINDS) - CLIENT_RUN
# This installation itself is what they call, and keeps their arguments: no value of a secret goes there.
OF_OUR_OWN = frozenset({"system", "task", "agent"})
