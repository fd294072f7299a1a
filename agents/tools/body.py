"""The body of a tool as clients write it."""

import json
from collections.abc import Mapping

from julep_project.core.json_value import Json


def spec_of(tool: Mapping[str, Json]) -> Mapping[str, Json]:
    """What stands under the key named like the tool's type."""
    found = tool.get(str(tool.get("type")))
    return found if isinstance(found, Mapping) else {}


def name_of(tool: Mapping[str, Json]) -> str:
    """The name; a body in the form of the chat completions API has it inside."""
    return str(tool.get("name") or spec_of(tool).get("name") or "")


def canonical(value: Json) -> str:
    """The JSON text that hashes are made of: keys in order, no blanks, characters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
