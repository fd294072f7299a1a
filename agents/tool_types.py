"""The kinds of tool there are, and what is said of all kinds alike.

The value of a kind is both the `type` on the wire and the key its spec sits under.
"""

from enum import StrEnum

from django.db.models import TextChoices

# Whether a person agrees to calls of a tool before they are made, unless a condition on their arguments says so.
NEVER, ALWAYS = "never", "always"
LONGEST_CONDITION = 2000


class ToolType(TextChoices):
    """Wire names of the kinds."""

    FUNCTION = "function"
    INTEGRATION = "integration"
    SYSTEM = "system"
    API_CALL = "api_call"
    MCP = "mcp"
    TASK = "task"
    AGENT = "agent"
    COMPUTER = "computer_20241022"
    TEXT_EDITOR = "text_editor_20241022"
    BASH = "bash_20241022"


class Effect(StrEnum):
    """What a call does to the world, from the most harmless to the least."""

    READS = "reads"
    CHANGES = "changes"
    DANGEROUS = "dangerous"
