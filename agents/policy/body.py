"""The policy of an agent, as clients send it."""

from typing import Any

from rest_framework import serializers

from agents.policy.sources import SOURCES, in_order
from julep_project.core.reading.fields import ListOf, Pattern, StrictBody

MOST_ALLOWED = 200
_LONGEST_ALLOWED = 200
# A tool, or one of its arguments.
_ALLOWED = r"^[^\s.]++(?:\.[^\s.]++)?$"


class PolicyBody(StrictBody):
    """What may not decide about dangerous calls without a person, and what may."""

    tainted = ListOf(
        child=serializers.ChoiceField(choices=SOURCES),
        required=False,
        max_length=len(SOURCES),
        help_text="sources of content that may not reach a dangerous tool; usually docs, web and tools",
    )
    allow = ListOf(
        child=Pattern(_ALLOWED, min_length=1, max_length=_LONGEST_ALLOWED),
        required=False,
        max_length=MOST_ALLOWED,
        help_text="names of tools it does not hold for, or of arguments (`tool.argument`)",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """In one order, so that the same policy is the same text."""
        if "tainted" in attrs:
            attrs["tainted"] = in_order(attrs["tainted"])
        return attrs
