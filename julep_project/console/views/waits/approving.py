"""The form that decides about a call."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest


def decision_in(request: HttpRequest, wait_id: UUID) -> dict[str, Any]:
    """What was decided, about the call whose hash was on the page."""
    given = {name: request.POST.get(name, "") for name in ("hash", "decision", "reason")}
    return {"id": str(wait_id), **{name: value for name, value in given.items() if value}}
