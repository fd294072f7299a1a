"""What a client reads of an event stream."""

import json
from typing import Any


def events_of(text: str) -> list[dict[str, Any]]:
    """Data of a stream's events; anything that is neither an event nor a comment fails."""
    events = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        assert "\n" not in block
        if not block.startswith(":"):
            assert block.startswith("data: "), block
            events.append(json.loads(block.removeprefix("data: ")))
    return events
