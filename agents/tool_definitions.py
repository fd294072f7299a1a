"""One tool body as clients send it: checked, completed with defaults, and written back."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from django.utils.crypto import salted_hmac

from agents.models import Developer, Tool
from agents.tool_kinds import SERVER_RUN
from agents.tool_specs import SPECS
from agents.tool_types import ALWAYS, LONGEST_CONDITION, NEVER, ToolType
from agents.tools.approval import problem_of
from agents.tools.presentation import shown_body, shown_tool
from agents.tools.presets import masked
from agents.tools.properties.reading import read_effect, read_idempotent, read_rate, read_timeout
from agents.tools.registry import wrong_reference
from agents.tools.secret_names import WHERE, SecretMisused, names_of
from agents.tools.secret_values import mention_warnings, warnings_of
from julep_project.core.errors import InvalidInput
from julep_project.core.models import row_to_wire
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.validation import ABSENT, Path, as_object, invalid, not_one_of, problem

LONGEST_TOOL_NAME = 40
_MARK_LENGTH = 16
_IDENTIFIER = r"^[^\W0-9]\w*$"
_TYPES: list[str] = list(ToolType.values)
# What a tool says of its calls, beside what they are.
SAID_OF_CALLS = ("approval", "at_most_once", "effect", "rate", "timeout")
_KEYS = frozenset({"name", "type", "description", "idempotent", *SAID_OF_CALLS, *_TYPES})
# So much alike is no key of another's.
_ALIKE, _LONGEST_KEY, _MOST_KEYS = 0.8, 80, 200
# What models may not change of it: people rely on it.
SAFEGUARDS = ("approval", "effect", "rate")


@dataclass(frozen=True)
class ToolDefinition:
    """A valid tool. `spec` is what stands under the key named like `type`. `at_most_once`: it is not idempotent, so a
    call whose outcome is unclear is not repeated, a person decides. `approval`: whether one agrees to calls before they
    are made. What is None is as is usual for the kind."""

    name: str
    type: str
    description: str | None
    spec: dict[str, Any]
    at_most_once: bool = False
    approval: str = NEVER
    effect: str | None = None
    timeout: float | None = None
    rate: dict[str, Any] | None = None

    def to_wire(self) -> dict[str, Any]:
        """The body again, complete; what a task keeps of its own tools."""
        body = {"name": self.name, "type": self.type, "description": self.description, self.type: self.spec}
        return {**body, **_declared(self)}


def parse_tool(body: Any, *, at: str = "") -> ToolDefinition:
    """Check a whole tool body. `at` is the place of the body inside a bigger one, for the messages: `tools[0]`.

    Raises:
        InvalidInput
    """
    where = [at] if at else []
    kind = _type_of(as_object(body, where), where)
    given = body.get(kind)
    definition = ToolDefinition(
        name=read_name(body.get("name", ABSENT), where),
        type=kind,
        description=read_description(body, where),
        spec=read_spec(kind, {} if given is None and kind not in SERVER_RUN else given, where),
        at_most_once=read_idempotent(body, where) is False,
        approval=read_approval(body, where) or NEVER,
        effect=read_effect(body, where),
        timeout=read_timeout(body, kind, where),
        rate=read_rate(body, kind, where),
    )
    _check_approval(definition, where)
    return definition


def check_reference(developer: Developer, definition: ToolDefinition, *, at: str = "") -> None:
    """Refuse a tool that refers to what is not the developer's.

    Raises:
        InvalidInput
    """
    wrong = wrong_reference(developer, definition.to_wire())
    if wrong is not None:
        key, why = wrong
        received = definition.spec.get(key)
        raise invalid([*([at] if at else []), definition.type, key], "value_error", received=received, msg=why)


def patch_tool(tool: Tool, body: Any) -> ToolDefinition:
    """The stored tool with the changes of a PATCH body. Its type stays; keys of the spec are replaced one by one.

    Raises:
        InvalidInput
    """
    if as_object(body, []).get("type") not in (None, tool.type):
        raise invalid(["type"], "literal_error", received=body["type"], expected=tool.type)
    _refuse_other_specs(body, tool.type, [])
    changes = {} if body.get(tool.type) is None else as_object(body[tool.type], [tool.type])
    given = {key: value for key, value in changes.items() if value is not None}
    description = read_description(body, [])
    idempotent = read_idempotent(body, [])
    definition = ToolDefinition(
        name=tool.name if body.get("name") is None else read_name(body["name"], []),
        type=tool.type,
        description=tool.description if description is None else description,
        spec=read_spec(tool.type, {**tool.spec, **given}, []),
        at_most_once=tool.at_most_once if idempotent is None else not idempotent,
        approval=read_approval(body, []) or tool.approval,
        effect=read_effect(body, []) or tool.effect,
        timeout=read_timeout(body, tool.type, []) or tool.timeout,
        rate=read_rate(body, tool.type, []) or tool.rate,
    )
    _check_approval(definition, [])
    return definition


def read_name(name: Any, where: Path) -> str:
    """The name of a tool: an identifier of at most 40 characters.

    Raises:
        InvalidInput
    """
    loc = [*where, "name"]
    if name is ABSENT or name is None:
        raise invalid(loc, "missing")
    if not isinstance(name, str):
        raise invalid(loc, "string_type", received=name)
    if len(name) > LONGEST_TOOL_NAME:
        raise invalid(loc, "string_too_long", received=name, bound=LONGEST_TOOL_NAME)
    if not re.fullmatch(_IDENTIFIER, name):
        raise invalid(loc, "string_pattern_mismatch", received=name, pattern=_IDENTIFIER)
    return name


def read_description(body: Mapping[str, Any], where: Path) -> str | None:
    """The description, if there is one."""
    text = body.get("description")
    if text is not None and not isinstance(text, str):
        raise invalid([*where, "description"], "string_type", received=text)
    return text


def read_approval(body: Mapping[str, Any], where: Path) -> str | None:
    """When a person agrees to calls first, if the body says so."""
    approval, loc = body.get("approval"), [*where, "approval"]
    if approval is None:
        return None
    if not isinstance(approval, str):
        raise invalid(loc, "string_type", received=approval)
    if len(approval) > LONGEST_CONDITION:
        raise invalid(loc, "string_too_long", received=approval, bound=LONGEST_CONDITION)
    word = approval.strip()
    return (word.lower() if word.lower() in (ALWAYS, NEVER) else word) or None


def _check_approval(definition: ToolDefinition, where: Path) -> None:
    found = problem_of(definition.approval, definition.to_wire())
    if found is not None:
        fix = "Write `always`, `never`, or an expression over the arguments of the call"
        raise invalid([*where, "approval"], "value_error", received=definition.approval, msg=found, fix=fix)


def _declared(tool: ToolDefinition | Tool) -> dict[str, Any]:
    """What it says of its calls, as clients see it: only the keys that say something."""
    once = {"at_most_once": True} if tool.at_most_once else {}
    said = {"effect": tool.effect, "timeout": tool.timeout, "rate": tool.rate}
    said["approval"] = None if tool.approval == NEVER else tool.approval
    return {**once, **{name: value for name, value in said.items() if value is not None}}


def read_spec(kind: str, spec: Any, where: Path) -> dict[str, Any]:
    """The spec with defaults filled in and nulls dropped. Keys the type does not know are kept.

    Raises:
        InvalidInput
    """
    loc = [*where, kind]
    if spec is None:
        raise invalid(loc, "missing")
    read = SPECS[kind].read(spec, loc=loc)
    whole = {**{key: value for key, value in spec.items() if value is not None}, **read}
    _check_secrets(kind, whole, loc)
    return whole


def _check_secrets(kind: str, spec: Mapping[str, Any], loc: list[Any]) -> None:
    try:
        named = names_of({"type": kind, kind: spec})
    except SecretMisused as error:
        raise invalid(loc, "value_error", msg=str(error), fix=WHERE) from error
    if named and kind not in SERVER_RUN:
        raise invalid(loc, "value_error", msg="the client runs this tool: it gets no secrets", fix=WHERE)


def tool_to_wire(tool: Tool) -> dict[str, Any]:
    """The tool object of the API, as plain JSON values."""
    description = tool.description
    if description is None and tool.type == ToolType.FUNCTION:
        description = tool.spec.get("description")
    about = {
        "type": tool.type,
        "description": description,
        tool.type: tool.spec,
        **_declared(tool),
    }
    return {**row_to_wire(tool, "name"), **about}


def doubts_about(developer: Developer, tool: Tool) -> list[dict[str, Any]]:
    """What its author should know of a tool that was just made: secrets it names that do not exist (they may come
    later), and texts that mention one and are sent as they stand."""
    body = tool_to_wire(tool)
    found = warnings_of(developer, dict.fromkeys(names_of(body), tool.type), tool.agent_id)
    return [*found, *mention_warnings(body, tool.type)]


def doubts_about_keys(body: Mapping[str, Any], *, at: str = "") -> list[dict[str, Any]]:
    """What is said of keys of a tool's body that mean nothing, and look like one that does. They are taken, since
    clients of other servers send keys of their own."""
    found = list(_misspelt(body, _KEYS))
    for kind in _TYPES:
        if isinstance(body.get(kind), Mapping) and kind != ToolType.FUNCTION:
            found += [(f"{kind}.{name}", near) for name, near in _misspelt(body[kind], list(SPECS[kind]().fields))]
    return [
        {
            "location": f"{at}.{name}" if at else name,
            "message": f"{name!r} is not known, and means nothing; did you mean {near!r}?",
            "severity": "warning",
            "type": "unknown_key",
            "details": {},
        }
        for name, near in found
    ]


def _misspelt(given: Mapping[str, Any], known: Collection[str]) -> Iterator[tuple[str, str]]:
    for name in islice((str(name)[:_LONGEST_KEY] for name in given if name not in known), _MOST_KEYS):
        near = get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if near:
            yield name, near[0]


def tool_as_shown(tool: Tool) -> dict[str, Any]:
    """The tool as whoever does not run it may know it, with what names its row."""
    return shown_body(tool_to_wire(tool))


def settings_of_tool(tool: Tool) -> dict[str, Any]:
    """What the audit log keeps of a tool: what models are told, the names in its spec, and a mark by which two specs
    can be told apart, which says nothing of either."""
    told = {**shown_tool(tool_to_wire(tool)), **_declared(tool)}
    told.pop("function", None)
    mark = salted_hmac("agents.audit", to_json_text(tool.spec), algorithm="sha256").hexdigest()[:_MARK_LENGTH]
    return {**told, "spec": {"fields": masked(tool.spec), "mark": mark}}


def _type_of(body: Mapping[str, Any], where: Path) -> str:
    """The `type`, else the one type key that is present."""
    kind = body.get("type")
    if kind is None:
        present = [name for name in _TYPES if body.get(name) is not None]
        if not present:
            raise invalid([*where, "type"], "missing")
        kind = present[0]
    elif kind not in _TYPES:
        raise not_one_of([*where, "type"], _TYPES, kind)
    _refuse_other_specs(body, kind, where)
    return str(kind)


def _refuse_other_specs(body: Mapping[str, Any], kind: str, where: Path) -> None:
    others = [name for name in _TYPES if name != kind and body.get(name) is not None]
    if others:
        raise InvalidInput(
            [
                problem([*where, name], "extra_forbidden", received=body[name], fix=f"Send only `{kind}` for this tool")
                for name in others
            ]
        )
