"""What the call of a tool in a run depends on: what the program says, with what is known of this run.

The program tells which values may reach the call; it is looked at when a call matters, and once for a version. So
nothing has to be carried along with values, and nothing is lost with a worker.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.policy.influence import Influence
from agents.policy.policy import DEFAULT_POLICY
from agents.policy.sources import NOWHERE, OF_ANY_TOOL, Sources, sources_of_tool, together
from agents.tool_types import Effect, ToolType
from agents.tools.properties.called import NO_ARGUMENTS, effect_of_call
from agents.tools.properties.effects import usual_effect
from executions.effects.provenance import ANSWERS, INPUT, sources_of
from executions.engine.run import Run
from tasks.taint.content import ANYWHERE, known
from tasks.taint.places import Place
from tasks.taint.walk import Reached, Tools, reached_calls

# The place of the step in the program, in an effect that is about to be performed; it is not stored.
PLACE = "place"
# What may begin a run or a chat, or leave a message, which then depends on the same.
_BEGINS = frozenset({ToolType.SYSTEM.value, ToolType.TASK.value, ToolType.AGENT.value})
_MOST_KEPT = 16


def influence_on(run: Run, effect: Mapping[str, Any]) -> Influence:
    """What the call depends on that an effect asks for; nothing of calls for which it does not matter."""
    request = effect["request"]
    tool, is_models = run.as_known_now(request["tool"]), request.get("from_model") is True
    does = effect_of_call(tool, NO_ARGUMENTS if is_models else request["arguments"], run.presets)
    if does is not Effect.DANGEROUS and not _may_begin(tool):
        return Influence(DEFAULT_POLICY, NOWHERE)
    return _with_presets(run, tool, _by_program(run, effect, is_models=is_models))


def _may_begin(tool: Mapping[str, Any]) -> bool:
    """Whether a call may begin something that depends on the same, whatever its author says that it does."""
    return tool.get("type") in _BEGINS and usual_effect(tool) is not Effect.READS


def _by_program(run: Run, effect: Mapping[str, Any], *, is_models: bool) -> Influence:
    policy = run.policy
    found = _reached(run).get(tuple(effect[PLACE]))
    if found is None:
        return Influence(policy, _known(run, ANYWHERE))
    if not is_models:
        arguments = {name: _known(run, sources) for name, sources in (found.arguments or {}).items()}
        return Influence(policy, _known(run, found.sources), arguments)
    read = effect["request"].get("read")
    if read is None:
        return Influence(policy, _known(run, found.sources))
    results = together(found.results.get(name, OF_ANY_TOOL) for name in read)
    return Influence(policy, _known(run, found.read_by_model) | results)


def _with_presets(run: Run, tool: Mapping[str, Any], influence: Influence) -> Influence:
    """Beside what the program says: arguments and setup that whoever started the run has preset come with its input."""
    given, presets = _known(run, frozenset({INPUT})), run.given_presets
    preset = presets.for_tool(tool)
    if presets.setup_for(tool) or (preset and influence.arguments is None):
        # It may be another call altogether, or is one of a model, which is looked at as a whole.
        return Influence(influence.policy, influence.whole | given)
    if not preset:
        return influence
    return replace(influence, arguments={**(influence.arguments or {}), **dict.fromkeys(preset, given)})


def _known(run: Run, sources: Sources) -> Sources:
    return known(sources, sources_of(run.sources, INPUT), sources_of(run.sources, ANSWERS))


def _reached(run: Run) -> Mapping[Place, Reached]:
    """A call of each step that makes some, by its place. Those of one step depend on the same."""
    tools = run.tools_in_short()
    # All that the walk reads of them.
    key = tuple((tool["name"], sources_of_tool(tool), str(_server_of(tool))) for tool in tools)
    kept: dict[Any, dict[Place, Reached]] = run.version.reached
    if (found := kept.get(key)) is not None:
        return found
    with run.version.looking:
        if (found := kept.get(key)) is not None:
            return found
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        calls = reached_calls(run.program, Tools({tool["name"]: tool for tool in tools}, sources_of_tool))
        found = kept[key] = {call.place: call for call in calls}
        return found


def _server_of(tool: Mapping[str, Any]) -> Any:
    return (tool.get("mcp") or {}).get("of_tool")
