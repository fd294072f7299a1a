"""Settings as the audit log keeps them: what changed, and of what is long no more than that it did."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from julep_project.core.reading.jsontext import to_json_text

# What a log keeps of one value; of a longer one its size and digest tell whether it is another.
LONGEST_VALUE = 4096


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts of both that differ."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )


def shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with long values shortened. They are plain JSON that could be stored."""
    return {name: _shortened(value) for name, value in settings.items()}


def _shortened(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else to_json_text(value)
    if len(text) <= LONGEST_VALUE:
        return value
    content = text.encode()
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}
