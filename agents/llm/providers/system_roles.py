"""Messages of whoever makes the rules, in the role that a model knows them by.

The client library would do it, but forgets who speaks, and tells models that think of rules as if the user had said
them.
"""

import re
from collections.abc import Mapping, Sequence

from agents.llm.providers.sent_settings import is_of_the_api
from julep_project.core.json_value import Json

Message = Mapping[str, Json]

_ROLES = frozenset({"developer", "system"})
# Models of OpenAI that think, but for the first two, which knew no such messages.
_THINKING = re.compile(r"(?:^|/)o(?!1-(?:mini|preview))\d")


def with_system_roles(messages: Sequence[Message], provider: str, model: str) -> list[Message]:
    """The messages, with one role for all that are rules."""
    role = "developer" if is_of_the_api(provider) and _THINKING.search(model) else "system"
    return [{**message, "role": role} if message.get("role") in _ROLES else message for message in messages]
