"""The language page agrees with the registries, misses nothing, and its examples run."""

import importlib
import json
import pkgutil
import re
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from django.core.management import call_command

import tasks.language
import tasks.programs
import tasks.steps.kinds
from agents.llm.own.scripted import scripted_model
from tasks.expressions import limits
from tasks.expressions.functions import FUNCTIONS, MODULES, function_rows
from tasks.language.scope import PLACE_NAMES, RUNTIME_NAMES
from tasks.programs import reference
from tasks.programs.effect_options import OPTION_KEYS
from tasks.steps import registry
from tasks.steps.base import Step
from tests.flow_runner import FlowRunner

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
EXAMPLES = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("# runs")]


def test_the_tables_are_those_of_the_code() -> None:
    assert reference.written(PAGE) == PAGE, "run `manage.py language_reference --write`"


def test_the_command_says_so_too() -> None:
    call_command("language_reference", stdout=StringIO())


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="has no part 'limits'"):
        reference.written(PAGE.replace("<!-- end limits -->", ""))
    assert reference.written(reference.written(PAGE)) == PAGE


@pytest.mark.parametrize("step", registry.all_kinds(), ids=lambda step: step.kind)
def test_every_kind_has_a_section_with_all_its_keys(step: type[Step]) -> None:
    section = re.search(rf"^### {step.kind}\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)

    assert section is not None
    assert "output" in section[1].lower()
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section[1]))))
    assert words >= step.keys | _inner_keys(importlib.import_module(step.__module__))


def _inner_keys(module: ModuleType) -> set[str]:
    """Keys of the objects inside a step, as its module lists them."""
    found = (vars(module).get(name, ()) for name in ("_KEYS", "_CASE_KEYS", "_SECONDS"))
    return {key for keys in found for key in keys}


def test_options_of_steps_with_effects_are_told() -> None:
    section = PAGE.partition("## Retries and timeouts")[2]

    for key in (*OPTION_KEYS, "max_attempts", "initial_s", "backoff", "max_s"):
        assert re.search(rf"\b{key}\b", section)


def test_every_name_and_function_is_there() -> None:
    for name in (*RUNTIME_NAMES, *PLACE_NAMES, "true", "false", "null", "NEWLINE"):
        assert f"| `{name}` |" in PAGE
    rows = function_rows()
    for row in rows:
        assert row.signature.replace("|", "\\|") in PAGE
        assert row.doc and row.bound
    assert set(FUNCTIONS) <= {row.name for row in rows}


def test_every_module_is_there() -> None:
    for name in MODULES:
        assert f"`{name}" in PAGE


def test_every_limit_of_the_language_is_listed_with_its_value() -> None:
    listed = {(limit.module.__name__, limit.name) for limit in reference.LIMITS}
    defined = {
        (module.__name__, name)
        for module in _modules()
        for name, value in vars(module).items()
        if re.match(r"(MAX|DEFAULT)_", name) and isinstance(value, int | float) and _is_home(module, name)
    }

    assert defined == listed
    for limit in reference.LIMITS:
        assert f"| `{limit.name}` | {limit.value:,} |" in PAGE


def _modules() -> list[ModuleType]:
    names = [
        module.name
        for package in (tasks.language, tasks.steps, tasks.programs)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [limits, *map(importlib.import_module, names)]


def _is_home(module: ModuleType, name: str) -> bool:
    """Whether the module defines the constant itself."""
    assert module.__file__ is not None
    return re.search(rf"^{name} = ", Path(module.__file__).read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("name", ["MAX_TASK_BODY_BYTES", "MAX_EXECUTION_INPUT_BYTES", "MAX_STEP_OUTPUT_BYTES"])
def test_limits_of_the_server_are_named(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_links_within_the_page_lead_somewhere() -> None:
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_all_yaml_of_the_page_is_run() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml") >= 12


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[-1].strip()[:40])
def test_example(example: str, flow: FlowRunner) -> None:
    told = _told(example)
    created = flow.create(yaml.safe_load(example))
    assert created.status_code == 201, created.json()
    with scripted_model(told["model says"]) as model:
        execution = flow.start(created.json()["id"], *(told["with"] or [{}]))
        for answer in told["answered with"]:
            assert execution["status"] == "awaiting_input"
            execution = flow.resume(execution["id"], answer)
    assert model.unused == 0
    if told["fails with"]:
        assert [execution["error"]] == told["fails with"]
    else:
        assert (execution["status"], [execution["output"]]) == ("succeeded", told["gives"]), execution["error"]


def _told(example: str) -> dict[str, list[Any]]:
    """What the comments in front of an example say, by what they begin with."""
    told: dict[str, list[Any]] = {key: [] for key in ("with", "model says", "answered with", "gives", "fails with")}
    for line in example.splitlines()[1:]:
        if line.startswith("# "):
            key, _, value = line[2:].partition(": ")
            told[key].append(json.loads(value))
    return told
