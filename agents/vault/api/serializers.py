"""Bodies of secrets, and what is answered with: never a value."""

from typing import Any, ClassVar

from rest_framework import serializers

from agents.vault.models import Secret
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    LONGEST_DESCRIPTION,
    Body,
    CanonicalName,
    Example,
    JsonObject,
    StoredAnswer,
    StrictBody,
    Text,
)

LONGEST_VALUE = 32_768
USUAL_OVERLAP_S = 86_400
LONGEST_OVERLAP_S = 30 * USUAL_OVERLAP_S
# What stands in every answer in the place of the value.
ENCRYPTED = "ENCRYPTED"


class RotationBody(StrictBody):
    """How a secret that signs is replaced."""

    example = Example(overlap_seconds=3600)

    overlap_seconds = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=LONGEST_OVERLAP_S,
        help_text="for how long the one before counts, too; a day, unless it is said",
    )

    @classmethod
    def overlap_s(cls, data: Any) -> int:
        """For how long both count."""
        overlap: int = cls.read(data).get("overlap_seconds", USUAL_OVERLAP_S)
        return overlap


class SecretBody(Body):
    """What a client may set on a secret."""

    example = Example(name="WEATHER_KEY", value="wk-41f", description="For the weather service.")

    is_secret: ClassVar[bool] = True

    name = CanonicalName(min_length=1)
    value = Text(min_length=1, max_length=LONGEST_VALUE)
    description = Text(required=False, max_length=LONGEST_DESCRIPTION)
    metadata = JsonObject(required=False)


class SecretAnswer(StoredAnswer):
    """A secret as it is answered."""

    name = CanonicalName()
    value = Text(help_text=f"always `{ENCRYPTED}`")
    description = Text()
    metadata = JsonObject()


def secret_to_wire(secret: Secret) -> dict[str, Any]:
    return {**row_to_wire(secret, "name", "description", "metadata"), "value": ENCRYPTED}
