"""Moves the keys that stand in definitions of tools into secrets, so that the definitions name them.

Looked at are the setup of integrations, and headers, cookies and params of `api_call` tools, where a name says that
its value is secret. What may be a key elsewhere is told, and stays.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from agents.llm.keys.key_names import ALL_KEY_NAMES
from agents.models import Developer, Tool
from agents.services import change_tool
from agents.tool_definitions import tool_to_wire
from agents.tool_types import ToolType
from agents.tools.body import spec_of
from agents.tools.secret_names import filled, names_a_secret, names_of
from agents.vault.api.serializers import LONGEST_VALUE
from agents.vault.models import Secret
from agents.vault.services import create_secret, list_secrets
from agents.vault.values import values_of
from julep_project.core.errors import DomainError
from julep_project.core.json_value import Json

_PLACES = {ToolType.INTEGRATION.value: ("setup",), ToolType.API_CALL.value: ("headers", "cookies", "params")}
# Where a key may stand, too, but not alone.
_ELSEWHERE = {
    ToolType.INTEGRATION.value: ("arguments",),
    ToolType.API_CALL.value: ("url", "json", "data", "content"),
    ToolType.MCP.value: ("url", "headers"),
}
_WORDS = frozenset(
    "apikey auth authorization bearer cookie credential credentials jwt key passwd password pwd secret session "
    "sessionid signature sid token".split()
)
_BETWEEN_WORDS = re.compile(r"[^a-zA-Z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|ApiKey)\s+(?=\S+$)", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://[^/?#]*:[^/?#]*@|[?&][^=&]*(?:key|token|secret|password|sig)[^=&]*=", re.IGNORECASE)
# A shorter value is part of too much else: it would be masked wherever it comes back.
_SHORTEST = 6
_LONGEST_STEM = 200
_MADE_BY = {"made_by": "secure_tools"}


class NotMoved(Exception):
    """The definition would not mean the same afterwards. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key in a definition: under `part` by `name`, behind what stays of the text."""

    part: str
    name: str
    before: str
    value: str = field(repr=False)

    @property
    def place(self) -> str:
        return f"{self.part}.{self.name}"


@dataclass(slots=True)
class Found:
    """What is in one definition: keys to move, and places to look at by hand, each with the reason."""

    keys: list[Key] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)


def keys_in(tool: Mapping[str, Json]) -> Found:
    """The keys in a definition, given as its wire body."""
    found, kind, spec = Found(), str(tool.get("type")), spec_of(tool)
    for place in _PLACES.get(kind, ()):
        part = spec.get(place)
        if isinstance(part, Mapping):
            for name, value in part.items():
                _look_at(place, str(name), value, found)
        elif isinstance(part, str) and _IN_ADDRESS.search(f"?{part}") and not names_a_secret(part):
            found.stays.append(f"{place}: a text that has to be written anew by hand")
    within = spec.get("server") if kind == ToolType.MCP else spec
    found.stays += [
        f"{place}: may hold a key"
        for place in _ELSEWHERE.get(kind, ())
        if isinstance(within, Mapping) and _may_hold_key(place, within.get(place))
    ]
    return found


def move_keys(tool: Tool) -> dict[str, str]:
    """Store the keys in the tool's definition as secrets of its developer, and name them in their places; the names of
    the secrets by place. A key that was moved before, from this or another tool, is not stored again.

    In one transaction, in which the definition with the values filled in is compared with what it was.

    Raises:
        NotMoved
        SecretsNotConfigured, SecretNotReadable: from `agents.vault.errors`.
    """
    developer = tool.developer
    with transaction.atomic():
        tool = Tool.objects.select_for_update().get(pk=tool.pk)
        body = tool_to_wire(tool)
        named = {key: _kept(developer, key, body) for key in keys_in(body).keys}
        if not named:
            return {}
        fields: dict[str, dict[str, Json]] = {}
        for key, name in named.items():
            changed = fields.setdefault(key.part, dict(tool.spec[key.part]))
            changed[key.name] = f"{key.before}{{secrets.{name}}}"
        try:
            patch = {tool.type: fields}
            changed_tool = change_tool(developer=developer, agent_id=_agent_of(tool), tool_id=tool.pk, body=patch)
        except DomainError as error:
            raise NotMoved(error.explanation) from error
        after = tool_to_wire(changed_tool)
        if spec_of(filled(after, values_of(developer, names_of(after), tool.agent_id))) != tool.spec:
            raise NotMoved("the definition with the secrets filled in is another one")
    return {key.place: name for key, name in named.items()}


def _look_at(place: str, name: str, value: Json, found: Found) -> None:
    if not _sounds_secret(name) or not isinstance(value, str) or not value or names_a_secret(value):
        return
    scheme = _SCHEME.match(value)
    before = scheme[0] if scheme else ""
    key = value[len(before) :]
    if "{" in value or value.lstrip().startswith("$"):
        found.stays.append(f"{place}.{name}: an expression or a template")
    elif not _SHORTEST <= len(key) <= LONGEST_VALUE:
        found.stays.append(f"{place}.{name}: a secret has {_SHORTEST} to {LONGEST_VALUE} characters")
    else:
        found.keys.append(Key(place, name, before, key))


def _sounds_secret(name: str) -> bool:
    words = [word.lower() for word in _BETWEEN_WORDS.split(name)]
    return not _WORDS.isdisjoint(words) or ("service" in words and "account" in words and "use" not in words)


def _may_hold_key(place: str, value: Json) -> bool:
    if place == "url":
        return isinstance(value, str) and _IN_ADDRESS.search(value) is not None and not names_a_secret(value)
    return isinstance(value, Mapping) and any(
        _sounds_secret(str(name)) and isinstance(part, str) and part and not names_a_secret(part)
        for name, part in value.items()
    )


def _kept(developer: Developer, key: Key, tool: Mapping[str, Json]) -> str:
    """The name of the secret that has the value, made if there is none."""
    made = list_secrets(developer).filter(metadata__contains=_MADE_BY)
    values = values_of(developer, made.values_list("name", flat=True))
    same = next((name for name, value in values.items() if value == key.value), None)
    taken = {name.lower() for name in Secret.objects.for_developer(developer).values_list("name", flat=True)}
    renamed = {str(name).lower() for name in spec_of(tool).get("secrets") or ()}
    if same is not None and same.lower() not in renamed:
        return same
    name = _free_name(str(tool["name"]), key.name, taken | renamed)
    description = f"Moved from {key.place} of the tool {tool['name']}"
    values_given: dict[str, Any] = {"name": name, "value": key.value, "description": description, "metadata": _MADE_BY}
    create_secret(developer=developer, values=values_given)
    return name


def _free_name(tool: str, key: str, taken: Iterable[str]) -> str:
    """A name that is free and is no name of a model provider's key, which would be used for model calls."""
    used = {*taken, *(name.lower() for name in ALL_KEY_NAMES)}
    stem = re.sub(r"[^a-zA-Z0-9]+", "_", f"{tool}_{key}").strip("_").upper()[:_LONGEST_STEM]
    stem = stem if stem[:1].isalpha() else f"TOOL_{stem}"
    name, number = stem, 1
    while name.lower() in used:
        number += 1
        name = f"{stem}_{number}"
    return name


def _agent_of(tool: Tool) -> Any:
    if tool.agent_id is None:
        raise NotMoved("the tool belongs to no agent")
    return tool.agent_id
