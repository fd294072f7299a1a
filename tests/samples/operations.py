"""An operation of system tools."""

from typing import Any

from agents.models import User
from agents.tools.system import SystemCall, operation


@operation("user.search", more={"about": {"type": "string", "description": "Part of what is known of the user"}})
def find_users(call: SystemCall) -> list[Any]:
    """Find users by what is known of them."""
    users = User.objects.for_developer(call.developer).filter(about__icontains=call.arguments["about"])
    return [{"name": user.name} for user in users.order_by("name")[:10]]
