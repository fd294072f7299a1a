"""What a form is known by whose act counts once."""

from julep_project.core.ids import uuid7

# The name of its hidden field.
NUMBER = "number"


def new_number() -> str:
    """What tells one form from all others."""
    return str(uuid7())
