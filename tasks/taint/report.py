"""What the author of a task is told of its dangerous calls, and what a policy does not let in."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.policy.influence import ALL_OF_IT, Influence
from agents.policy.policy import Policy
from agents.policy.sources import Sources, in_order
from tasks.taint.content import known
from tasks.taint.walk import Reached

_MOST_TOLD = 100


@dataclass
class Report:
    """`refused` are fields of the request that a policy does not let in, `warnings` what the author should know."""

    refused: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def report_on(calls: Iterable[Reached], policy: Policy, is_dangerous: Callable[[Reached], bool]) -> Report:
    """What there is to say of the calls of a task under the policy of its agent."""
    report = Report()
    for call in calls:
        if not is_dangerous(call) or call.tool.get("approval") == "always":
            continue
        held = _held(call, policy)
        told = f"the tool {call.tool['name']!r} is dangerous"
        if held and policy.refuses:
            message = f"{told}, and {_listed(held)}: the policy of the agent does not let that decide about its calls"
            _add(report.refused, _refusal(call, message, held))
        elif held:
            _add(report.warnings, _warning(call, f"{told}, and {_listed(held)}: a person is asked about the call"))
        elif not call.asked:
            reach = _listed(_reaching(call)) or "nothing of others reaches it"
            _add(report.warnings, _warning(call, f"{told} and may run without a person; {reach}"))
    return report


def _reaching(call: Reached) -> dict[str, Sources]:
    """The sources of each argument, of a model's call of all of them."""
    if call.arguments is None:
        return {ALL_OF_IT: known(call.sources)}
    found = {name: known(sources) for name, sources in call.arguments.items()}
    return {name: sources for name, sources in {**found, **_of_the_rest(call)}.items() if sources}


def _of_the_rest(call: Reached) -> dict[str, Sources]:
    return {ALL_OF_IT: known(call.sources)} if call.sources else {}


def _held(call: Reached, policy: Policy) -> dict[str, Sources]:
    """What keeps the call from being made without a person, by argument."""
    name = str(call.tool["name"])
    if call.arguments is None:
        return Influence(policy, known(call.sources)).held(name)
    arguments = {argument: known(sources) for argument, sources in call.arguments.items()}
    rest = _of_the_rest(call)
    return Influence(policy, known(call.sources), {**arguments, **rest}).held(name)


def _listed(found: Mapping[str, Sources]) -> str:
    """`'to' may hold what comes from web, tools; ...`"""
    parts = [(name, ", ".join(in_order(sources))) for name, sources in found.items()]
    return "; ".join(f"{_named(name)} may hold what comes from {sources}" for name, sources in parts)


def _named(argument: str) -> str:
    return "any argument" if argument == ALL_OF_IT else f"its argument {argument!r}"


def _warning(call: Reached, message: str) -> dict[str, Any]:
    details = {"tool": call.tool["name"], "sources": {name: in_order(each) for name, each in _reaching(call).items()}}
    return {
        "location": call.location,
        "message": message,
        "severity": "warning",
        "type": "dangerous_call",
        "details": details,
    }


def _refusal(call: Reached, message: str, held: Mapping[str, Sources]) -> dict[str, Any]:
    name = call.tool["name"]
    allowed = [name if argument == ALL_OF_IT or call.arguments is None else f"{name}.{argument}" for argument in held]
    fix = (
        f"Give the tool `approval: always`, or list {', '.join(map(repr, allowed))} in `allow` of the agent's `policy`"
    )
    received = "; ".join(f"{name}.{argument}: {', '.join(in_order(sources))}" for argument, sources in held.items())
    return {"loc": call.location, "msg": message, "type": "policy", "received": received, "fix": fix}


def _add(entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    if len(entries) < _MOST_TOLD and entry not in entries:
        entries.append(entry)
