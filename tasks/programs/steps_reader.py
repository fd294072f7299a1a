"""Reads bodies: which kind a step is, and whether its keys fit."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from itertools import islice
from typing import Any

from tasks.language.spelling import MAX_NESTING
from tasks.programs.effect_options import OPTION_KEYS, read_options
from tasks.steps import registry
from tasks.steps.base import Step
from tasks.steps.reader import StepReader

MAX_LABEL = 120
_COMMON_KEYS = frozenset({"label"})
_KEYS_SHOWN = 10


def read_body(raw: Any, reader: StepReader) -> tuple[Step, ...]:
    """One step or a list of at least one, in canonical spelling."""
    if reader.depth > MAX_NESTING:
        reader.problem(f"steps may be nested at most {MAX_NESTING} deep", "too_deep")
        return ()
    if not isinstance(raw, list):
        step = _read_step(raw, reader)
        return () if step is None else (step,)
    if not raw:
        reader.problem("needs at least one step", "too_short", raw)
    # A body of one step is named without its index in issues, whether it was written as a list or not.
    is_single = len(raw) == 1 and reader.depth > 0
    places = (reader.at(f"[{index}]", "" if is_single else None) for index in range(len(raw)))
    steps = [_read_step(item, place) for item, place in zip(raw, places, strict=True)]
    return tuple(step for step in steps if step is not None)


def _read_step(raw: Any, reader: StepReader) -> Step | None:
    if reader.problems.is_full:
        return None
    if raw is None:
        reader.problem("is missing", "missing", raw)
        return None
    if not isinstance(raw, Mapping):
        reader.wrong_type(raw, "a step")
        return None
    reader.effort.add_step()
    kind = _kind_of(raw, reader)
    if kind is None:
        return None
    common = _COMMON_KEYS | OPTION_KEYS if kind.has_effect else _COMMON_KEYS
    reader.odd_keys(raw, kind.keys | common, f"{kind.kind} steps", _all_keys())
    step = kind.read(raw, reader)
    step.label = _label(raw, reader)
    if kind.has_effect:
        step.options = read_options(raw, reader)
    return step


@cache
def _all_keys() -> frozenset[str]:
    """What means something on a step of one kind or another."""
    return OPTION_KEYS.union(*(kind.keys for kind in registry.all_kinds()))


def _kind_of(raw: Mapping[str, Any], reader: StepReader) -> type[Step] | None:
    """The kind whose main key the step has; two kinds in one step are refused, never guessed."""
    known = registry.by_main_key()
    found = [key for key in raw if key in known]
    if len(found) == 1:
        return known[found[0]]
    if found:
        kinds = " and ".join(map(repr, found))
        fix = f"write {kinds} as separate steps"
        reader.problem(f"a step has one kind; this one has {kinds}", "ambiguous", dict(raw), fix=fix)
        return None
    keys = [str(key) for key in islice((key for key in raw if key not in _COMMON_KEYS), _KEYS_SHOWN)]
    shown = ", ".join(map(repr, keys)) or "no key"
    reader.problem(f"unknown kind of step: {shown}", "unknown_step", dict(raw), fix=_kind_hint(keys))
    return None


def _kind_hint(keys: list[str]) -> str:
    """What was probably meant by a step without a main key."""
    known = registry.by_main_key()
    for key in keys:
        kind = next((kind for kind in registry.all_kinds() if key in kind.keys), None)
        if kind is not None:
            return f"{key!r} belongs to {kind.kind} steps, which need {kind.main_key!r} too"
        near = get_close_matches(key, sorted(known), n=1)
        if near:
            return f"did you mean {near[0]!r}?"
    return f"a step has one of the keys {', '.join(known)}"


def _label(raw: Mapping[str, Any], reader: StepReader) -> str | None:
    label = raw.get("label")
    if label is None:
        return None
    if not isinstance(label, str) or not 1 <= len(label) <= MAX_LABEL or label.isdigit():
        reader.at("label").problem(f"must be a text of 1 to {MAX_LABEL} characters, not only digits", "label", label)
        return None
    return label
