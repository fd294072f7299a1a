"""Whether a person must agree to a call before it is made: the one place that decides it.

`run_tool` asks here before it does anything, so whoever calls tools and knows nothing of approvals gets an error and
calls nothing. What was agreed to is one call: the tool as it is defined, with these arguments. Of anything else,
`run_tool` asks again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

from django.utils.crypto import constant_time_compare, salted_hmac

from agents.policy.influence import UNKNOWN, Influence
from agents.policy.policy import Policy
from agents.policy.sources import Sources, in_order
from agents.tool_types import ALWAYS, NEVER, ToolType
from agents.tools import system
from agents.tools.api_call.arguments import REQUEST_FIELDS
from agents.tools.body import canonical, name_of, spec_of
from agents.tools.definition import fixed_arguments
from agents.tools.errors import Delivery, ToolError
from agents.tools.presentation import parameters_of
from agents.tools.presets import NO_PRESETS, Presets, masked, with_setup
from agents.tools.properties.called import NO_ARGUMENTS
from agents.tools.properties.danger import is_dangerous
from agents.tools.secret_marks import shown
from agents.tools.supplied import Settled, WantedCall
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import as_read_back

# What a condition reads all arguments by.
ARGUMENTS = "arguments"
_SALT = "agents.tools.approval"
NOT_HELD: Mapping[str, Sources] = MappingProxyType({})
# Of arguments so many are told.
_MOST_HELD = 20


class Conditions(Protocol):
    """The language of conditions, which is defined further up."""

    def problem_of(self, source: str, names: frozenset[str] | None) -> str | None:
        """What is wrong with a condition that may read these names, or any if they are not known."""

    def is_met(self, source: str, scope: Mapping[str, Json]) -> bool:
        """Whether it is true; whatever keeps it from being evaluated counts as that."""


_conditions: list[Conditions] = []


def register_conditions(conditions: Conditions) -> None:
    """Let conditions be read and evaluated by these."""
    _conditions[:] = [conditions]


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call that a person is asked about. `arguments` are those that may be seen: what the definition, metadata and
    secrets supply is masked. `hash` is theirs; `digest` stands for all that decides what is called. `method` is that of
    an integration, which a step may choose; `action` is what has to be done before it can be made, if anything; `why`
    is what keeps it from being made without them, as people are told."""

    tool: str
    arguments: dict[str, Json]
    hash: str
    digest: str
    method: str | None = None
    action: dict[str, Json] | None = None
    why: dict[str, Json] = field(default_factory=dict)

    def told(self) -> dict[str, Json]:
        """What people are told of it."""
        method = {} if self.method is None else {"method": self.method}
        call = {"tool": self.tool, **method, "arguments": self.arguments, "hash": self.hash}
        return {**call, **self.why, **(self.action or {})}


def may_need_agreement(tool: Mapping[str, Any], policy: Policy, presets: Presets = NO_PRESETS) -> bool:
    """Whether a person may have to agree to calls of the tool that a model makes or the client is handed, because it
    says so or because of what it is."""
    return "approval" in tool or is_dangerous(tool, policy, presets=presets)


class ApprovalNeeded(ToolError):
    """A person has not agreed to the call, and nothing was done."""

    kind = "ApprovalNeeded"

    def __init__(self, asked: AskedCall, held: Mapping[str, Sources] = NOT_HELD) -> None:
        """`held`: the arguments for which the policy wants it, with their sources. Else the tool says so itself."""
        super().__init__(f"a person must agree to this call of {asked.tool!r}", delivery=Delivery.NOT_SENT)
        self.sources = {name: in_order(sources) for name, sources in islice(held.items(), _MOST_HELD)}
        told = {"because": "policy", "sources": self.sources} if held else {"because": "approval"}
        self.asked = replace(asked, why=told)


def problem_of(approval: str, tool: Mapping[str, Json]) -> str | None:
    """What is wrong with `always`, `never` or a condition, as the `approval` of a tool."""
    if approval in (NEVER, ALWAYS):
        return None
    if not _conditions:
        return "conditions cannot be read here; write `always` or `never`"
    return _conditions[0].problem_of(approval, _readable(tool))


def check_agreed(call: WantedCall, *, agreed: str | None = None, influence: Influence = UNKNOWN) -> None:
    """Return if the call may be made now. `agreed` is the digest of a call that a person has agreed to. `influence`:
    what the call depends on, which counts for dangerous ones.

    Raises:
        ApprovalNeeded: it is not this one, and this one needs it.
        BadArguments: a model's do not fit, so there is nothing to agree to.
    """
    tool, arguments = call.tool, call.arguments
    if not isinstance(arguments, Mapping):
        return
    by_author = NO_ARGUMENTS if call.from_model else arguments
    danger = is_dangerous(tool, influence.policy, by_author, call.presets)
    held = influence.held(name_of(tool), arguments) if danger else {}
    approval = ALWAYS if held else tool.get("approval") or NEVER
    if approval == NEVER:
        return
    settled = _settled(call)
    if approval != ALWAYS and not _is_met(approval, tool, shown(dict(settled.arguments), call.secrets)):
        return
    asked = _asked(call, settled)
    if agreed is None or not constant_time_compare(agreed, asked.digest):
        raise ApprovalNeeded(asked, held)


def as_asked_about(call: WantedCall, action: dict[str, Json] | None, agreement: AskedCall | None = None) -> AskedCall:
    """A model's call as people are told of it that have to do something first. `agreement`: what they are asked about
    it if they must agree to it as well.

    Raises:
        BadArguments
    """
    why = {} if agreement is None else agreement.why
    return replace(_asked(call, _settled(call)), action=action, why=why)


def _settled(call: WantedCall) -> Settled:
    """What is asked about lies in a row, and so does what is called then."""
    settled = call.settled()
    return replace(settled, arguments=as_read_back(settled.arguments))


def _is_met(condition: str, tool: Mapping[str, Any], arguments: Mapping[str, Json]) -> bool:
    if not _conditions:
        return True
    if tool.get("type") == ToolType.SYSTEM:
        arguments = system.flat(spec_of(tool), arguments)
    return _conditions[0].is_met(condition, {**arguments, ARGUMENTS: dict(arguments)})


def _asked(call: WantedCall, settled: Settled) -> AskedCall:
    tool = call.tool
    theirs = settled.by_model if call.from_model else call.arguments.keys() - call.presets.for_tool(tool).keys()
    seen = {name: value if name in theirs else masked(value) for name, value in settled.arguments.items()}
    arguments = shown(seen, call.secrets)
    return AskedCall(
        tool=name_of(tool),
        arguments=arguments,
        hash=hashlib.sha256(canonical(arguments).encode()).hexdigest(),
        digest=_digest(call, settled),
        method=spec_of(tool).get("method") if tool.get("type") in (ToolType.INTEGRATION, ToolType.MCP) else None,
    )


def _digest(call: WantedCall, settled: Settled) -> str:
    whole = with_setup(call.presets, call.tool)
    called = [whole.get("type"), name_of(whole), spec_of(whole), dict(settled.arguments), dict(call.secrets)]
    return salted_hmac(_SALT, canonical(called), algorithm="sha256").hexdigest()


def _readable(tool: Mapping[str, Json]) -> frozenset[str] | None:
    """Names of the arguments, if the definition says which there are."""
    parameters = parameters_of(tool)
    declared = parameters.get("properties")
    if not isinstance(declared, Mapping) or not declared or parameters.get("additionalProperties") is True:
        return None
    fields = REQUEST_FIELDS if tool.get("type") == ToolType.API_CALL else frozenset()
    return frozenset(declared) | frozenset(fixed_arguments(tool)) | fields
