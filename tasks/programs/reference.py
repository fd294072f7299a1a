"""The tables of the language reference, made from the registries that decide what a program may say."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from julep_project.core.markdown import codes, table, with_parts
from tasks.expressions import limits, methods
from tasks.expressions.callables import Group
from tasks.expressions.functions import CONSTANTS, MODULES, UNAVAILABLE, function_rows
from tasks.expressions.templates.template_filters import FILTERS, TESTS
from tasks.language import effort, errors, slots, spelling
from tasks.language.scope import PLACE_NAMES, RUNTIME_NAMES
from tasks.programs import effect_options, steps_reader
from tasks.steps import prompts, quorum, reader, registry
from tasks.steps.base import Step
from tasks.steps.kinds import map_reduce, parallel, sleep, while_


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound of the language: the constant that holds it, and what it bounds."""

    module: Any
    name: str
    meaning: str

    @property
    def value(self) -> Any:
        return getattr(self.module, self.name)


LIMITS: tuple[Limit, ...] = (
    Limit(limits, "MAX_SOURCE", "characters of one expression"),
    Limit(limits, "MAX_TEMPLATE_SOURCE", "characters of one template"),
    Limit(limits, "MAX_TEMPLATE_TOKENS", "parts of one template"),
    Limit(limits, "MAX_DEPTH", "nesting of one expression"),
    Limit(limits, "MAX_CHAIN", "operators or attributes in one chain"),
    Limit(limits, "MAX_DATA_DEPTH", "nesting of a value"),
    Limit(limits, "MAX_FUEL", "units of work of one step: nodes evaluated and items handled"),
    Limit(limits, "MAX_SIZE", "bytes of values one step may build while it evaluates"),
    Limit(limits, "MAX_CPU_SECONDS", "seconds of processor time of one step's evaluation"),
    Limit(limits, "MAX_STRING", "characters of one text"),
    Limit(limits, "MAX_ITEMS", "items of one collection"),
    Limit(limits, "MAX_RANGE", "numbers of one range"),
    Limit(limits, "MAX_KEYS_OTHER_THAN_TEXT", "members of one set or keys of one object that are not texts"),
    Limit(limits, "MAX_EQUAL_HASHES", "numbers (or dates, or tuples of them) with one hash in one set or object"),
    Limit(limits, "MAX_INTEGER_BITS", "bits of a whole number"),
    Limit(limits, "MAX_POW_MODULUS_BITS", "bits of the third value of `pow`"),
    Limit(limits, "MAX_FORMAT_WIDTH", "width or precision in a format"),
    Limit(limits, "MAX_PARSER_INPUT", "characters given to a function that reads JSON, YAML or CSV"),
    Limit(limits, "MAX_RESULT_SIZE", "bytes of the result of one expression; a fraction counts as 24"),
    Limit(limits, "MAX_REGEX_PATTERN", "characters of a pattern"),
    Limit(limits, "MAX_REGEX_INPUT", "characters a pattern is matched with"),
    Limit(limits, "MAX_REGEX_WEIGHT", "weight of a pattern with its counted repetitions written out"),
    Limit(limits, "MAX_REGEX_SECONDS", "seconds of one match"),
    Limit(limits, "MAX_MACRO_DEPTH", "macros of a template that call each other"),
    Limit(effort, "MAX_STEPS", "steps of a task"),
    Limit(effort, "MAX_EXPRESSIONS", "expressions of a task, those in texts and templates too"),
    Limit(effort, "MAX_EXPRESSION_CHARACTERS", "characters of all expressions of a task that are not in templates"),
    Limit(effort, "MAX_CHECK_SECONDS", "seconds of processor time of the check of a task"),
    Limit(slots, "MAX_SLOT", "characters of one `{expression}` in a text"),
    Limit(slots, "MAX_SLOTS", "expressions in one text"),
    Limit(slots, "MAX_TRIES", "pairs of braces in one text that may turn out to be expressions"),
    Limit(slots, "MAX_WORK", "brackets and quotes looked at in one text"),
    Limit(spelling, "MAX_NESTING", "steps within steps"),
    Limit(reader, "MAX_VALUE_DEPTH", "nesting of a value in a task"),
    Limit(steps_reader, "MAX_LABEL", "characters of a label"),
    Limit(errors, "MAX_PROBLEMS", "problems reported at once, of each sort"),
    Limit(parallel, "MAX_ARMS", "arms of a `parallel` step"),
    Limit(map_reduce, "DEFAULT_PARALLELISM", "items of a map in work at once, without `parallelism`"),
    Limit(map_reduce, "MAX_PARALLELISM", "items of a map in work at once, at most"),
    Limit(map_reduce, "MAX_MAP_ITEMS", "items of a map"),
    Limit(while_, "MAX_TURNS", "turns of a `while` step"),
    Limit(sleep, "MAX_SLEEP_S", "seconds of one sleep"),
    Limit(quorum, "MAX_QUORUM", "people whom a `quorum` asks for"),
    Limit(prompts, "DEFAULT_TOOL_ROUNDS", "rounds of tool calls of a prompt, without `max_tool_rounds`"),
    Limit(prompts, "MAX_TOOL_ROUNDS", "rounds of tool calls of a prompt, at most"),
    Limit(effect_options, "MAX_ATTEMPTS", "attempts a `retry` may ask for"),
    Limit(effect_options, "MAX_PAUSE_S", "seconds of a pause between attempts"),
    Limit(effect_options, "MAX_TIMEOUT_S", "seconds of a step's `timeout`"),
)


def tables() -> dict[str, str]:
    """Every generated part of the page, by its name, as Markdown."""
    makers: dict[str, Callable[[], str]] = {
        "step kinds": _step_kinds,
        "scope names": _scope_names,
        "functions": _functions,
        "module constants": _module_constants,
        "methods": _methods,
        "left out": _left_out,
        "filters": lambda: _callables(FILTERS),
        "tests": lambda: _callables(TESTS),
        "limits": _limits,
    }
    return {name: make() for name, make in makers.items()}


def written(page: str) -> str:
    """The page with all its generated parts as they should be.

    Raises:
        ValueError: the page has no place for one of them.
    """
    return with_parts(page, tables())


def _step_kinds() -> str:
    rows = [
        (
            f"[`{step.kind}`](#{step.kind})",
            _purpose(step),
            f"`{step.main_key}`",
            codes(sorted(step.keys - {step.main_key}) + (["retry", "timeout"] if step.has_effect else [])),
            f"`{step.step_type}`",
        )
        for step in registry.all_kinds()
    ]
    return table(("kind", "what it does", "key that makes it", "further keys besides `label`", "`step_type`"), rows)


def _purpose(step: type[Step]) -> str:
    """What the module of the kind says it is for."""
    return (importlib.import_module(step.__module__).__doc__ or "").partition(": ")[2].strip().rstrip(".")


def _scope_names() -> str:
    names = [*RUNTIME_NAMES.items(), *PLACE_NAMES.items()]
    rows = [(f"`{name}`", meaning) for name, meaning in names]
    rows += [(f"`{name}`", "a constant" if name != "NEWLINE" else "a line break") for name in CONSTANTS]
    return table(("name", "what it is"), rows)


def _functions() -> str:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for row in function_rows():
        groups.setdefault(row.group, []).append((f"`{row.signature}`", row.doc, row.bound))
    parts = (f"#### {title}\n\n{table(('call', 'result', 'bound'), rows)}" for title, rows in groups.items())
    return "\n\n".join(parts)


def _module_constants() -> str:
    rows = []
    for name, module in MODULES.items():
        constants = [member for member, value in module.members.items() if isinstance(value, str | int | float)]
        flags = [member for member in constants if not member.startswith("_")]
        if flags:
            rows.append((f"`{name}`", codes(flags)))
    return table(("module", "constants"), rows)


def _methods() -> str:
    rows = []
    for kind in dict.fromkeys([*methods.METHODS, *methods.ATTRIBUTES]):
        found = codes(method.signature for method in methods.METHODS.get(kind, {}).values())
        rows.append((f"`{kind.__name__}`", found, codes(sorted(methods.ATTRIBUTES.get(kind, ())))))
    return table(("type", "methods", "attributes"), rows)


def _left_out() -> str:
    return table(("name", "instead"), [(f"`{name}`", hint) for name, hint in UNAVAILABLE.items()])


def _callables(group: Group) -> str:
    rows = []
    for name, function in group.functions.items():
        shown = function.signature if function.name == name else f"{name} (= {function.name})"
        rows.append((f"`{shown}`", function.doc, function.bound))
    return table(("name", "what it does", "bound"), rows)


def _limits() -> str:
    rows = [(f"`{limit.name}`", f"{limit.value:,}", limit.meaning) for limit in LIMITS]
    return table(("constant", "value", "of what"), rows)
