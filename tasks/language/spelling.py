"""Every accepted spelling of a step becomes one: canonical keys, no echoes, no explicit nulls, no wrappers.

Only names change here; values stay as the client wrote them, because this is also what clients get back.
"""

from collections.abc import Mapping
from typing import Any

from agents.llm.sampling import OPEN_MODEL_SAMPLING, SAMPLING

# Steps within steps. What lies deeper is left as it is, for the reader to refuse.
MAX_NESTING = 50

# The published Python models write these, and tools dump them into files.
_ALIASES = {"if_": "if", "else_": "else", "return_": "return", "in_": "in", "from_": "from"}
_ECHOES = frozenset({"kind", "kind_"})

# Objects that older documents wrap around the keys of a step.
_WRAPPERS = ("map_reduce", "yield", "loop")

# Settings of a model, and other keys of a prompt, that people write one level too high or too low.
_SETTINGS = SAMPLING | OPEN_MODEL_SAMPLING | {"model"}
_OF_THE_PROMPT = _SETTINGS | {
    "auto_run_tools", "disable_cache", "max_tool_rounds", "settings", "tool_choice", "tools", "unwrap",
}  # fmt: skip

# Keys of a `set` step that may stand without it.
_STORE_CHANGES = frozenset({"increment", "append"})

# Keys whose value is a body: one step or a list of steps.
BODY_KEYS = frozenset({"then", "else", "do", "map", "try", "catch", "finally", "timed_out"})


def normalise_step(raw: Any, depth: int = 0) -> Any:
    """The step in canonical spelling; what is not an object is returned as it is, for the reader to refuse."""
    if not isinstance(raw, Mapping) or depth > MAX_NESTING:
        return raw
    step = _unwrapped(_renamed(raw))
    if step.keys() <= {"label"} and raw.keys() & {"return", "return_"}:
        # Everywhere else a null stands for a key that is not given; this one returns null.
        step["return"] = None
    if step.keys() & _STORE_CHANGES and step.keys() <= _STORE_CHANGES | {"label"}:
        step["set"] = {}
    if isinstance(step.get("tool"), Mapping) and "name" in step["tool"]:
        inner = _renamed(step.pop("tool"))
        step = {"tool": inner.pop("name"), **inner, **step}
    if "prompt" in step:
        step = _with_settings(_lifted(step))
    if "name" in step:
        step.setdefault("label", step["name"])
        del step["name"]
    if isinstance(step.get("map"), str):
        step["map"] = {"workflow": step["map"]}
    if isinstance(step.get("foreach"), Mapping):
        step["foreach"] = _with_bodies(_renamed(step["foreach"]), depth)
    if isinstance(step.get("switch"), list):
        step["switch"] = [
            _with_bodies(_renamed(case), depth) if isinstance(case, Mapping) else case for case in step["switch"]
        ]
    if isinstance(step.get("parallel"), list):
        step["parallel"] = [normalise_body(arm, depth + 1) for arm in step["parallel"]]
    return _with_bodies(step, depth)


def normalise_body(raw: Any, depth: int = 0) -> Any:
    """A body in canonical spelling: one step stays one step, a list stays a list."""
    if isinstance(raw, list):
        return [normalise_step(step, depth) for step in raw]
    return normalise_step(raw, depth)


def _renamed(raw: Mapping[str, Any]) -> dict[str, Any]:
    named = ((_ALIASES.get(str(key), str(key)), value) for key, value in raw.items())
    return {key: value for key, value in named if key not in _ECHOES and value is not None}


def _unwrapped(step: dict[str, Any]) -> dict[str, Any]:
    for wrapper in _WRAPPERS:
        if isinstance(step.get(wrapper), Mapping):
            outside = {key: value for key, value in step.items() if key != wrapper}
            step = {**_renamed(step[wrapper]), **outside}
    return step


def _lifted(step: dict[str, Any]) -> dict[str, Any]:
    """A prompt step with what its messages say of the whole prompt. What the step says itself goes first."""
    messages = step["prompt"] if isinstance(step["prompt"], list) else [step["prompt"]]
    said = [message for message in messages if isinstance(message, Mapping) and message.keys() & _OF_THE_PROMPT]
    if not said:
        return step
    lifted = {key: value for message in said for key, value in message.items() if key in _OF_THE_PROMPT}
    rest = [
        {key: value for key, value in message.items() if key not in lifted} if isinstance(message, Mapping) else message
        for message in messages
    ]
    return {**_renamed(lifted), **step, "prompt": rest if isinstance(step["prompt"], list) else rest[0]}


def _with_settings(step: dict[str, Any]) -> dict[str, Any]:
    """A prompt step whose settings stand in `settings`. What is written there goes first."""
    beside = {key: value for key, value in step.items() if key in _SETTINGS}
    given = step.get("settings", {})
    if not beside or not isinstance(given, Mapping):
        return step
    return {**{key: value for key, value in step.items() if key not in beside}, "settings": {**beside, **given}}


def _with_bodies(step: dict[str, Any], depth: int) -> dict[str, Any]:
    return {key: normalise_body(value, depth + 1) if key in BODY_KEYS else value for key, value in step.items()}
