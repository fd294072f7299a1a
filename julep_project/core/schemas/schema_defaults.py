"""Values that a JSON Schema gives for what was left out."""

from collections.abc import Mapping
from typing import Any


def with_defaults(schema: Mapping[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The object with the `default` of each property that it does not have, and of those of the objects in it.

    A default is taken as it is, and what refers to another part of the schema is not looked into: the result is not
    larger than schema and value together.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return value
    whole = dict(value)
    for name, described in properties.items():
        if not isinstance(described, Mapping):
            continue
        if name not in value and "default" in described:
            whole[name] = described["default"]
        elif isinstance(value.get(name), dict):
            whole[name] = with_defaults(described, value[name])
    return whole
