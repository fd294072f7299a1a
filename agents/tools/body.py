"""The body of a tool as clients write it."""

from collections.abc import Mapping

from julep_project.core.json_value import Json


def spec_of(tool: Mapping[str, Json]) -> Mapping[str, Json]:
    """What stands under the key named like the tool's type."""
    found = tool.get(str(tool.get("type")))
    return found if isinstance(found, Mapping) else {}


def name_of(tool: Mapping[str, Json]) -> str:
    """The name; a body in the form of the chat completions API has it inside."""
    return str(tool.get("name") or spec_of(tool).get("name") or "")
