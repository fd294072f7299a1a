"""The kinds of tool there are. The value is both the `type` on the wire and the key its spec sits under."""

from django.db.models import TextChoices


class ToolType(TextChoices):
    """Wire names of the kinds."""

    FUNCTION = "function"
    INTEGRATION = "integration"
    SYSTEM = "system"
    API_CALL = "api_call"
    COMPUTER = "computer_20241022"
    TEXT_EDITOR = "text_editor_20241022"
    BASH = "bash_20241022"
