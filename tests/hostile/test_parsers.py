"""No text from outside ends a process, hangs it or fills its memory, whatever reads it."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile import texts

ROOT = Path(__file__).parents[2]
# What the whole battery may take beyond what the program has when it starts; the largest texts have 8 MB.
_MOST_MEGABYTES = 160
# What YAML and JSON must never be built of.
_MUST_BE_REFUSED = {
    ("request", name)
    for notation in (texts.JSON, texts.YAML)
    for name in notation
    if name.startswith(("arrays", "lists", "objects", "mixed", "siblings", "deep", "dashes", "explicit", "keys in"))
}


# The battery ends itself by what it takes of a processor; on a busy machine that may be long.
@pytest.mark.timeout(900)
def test_every_reader_survives_every_hostile_text() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile.parser_battery"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()

    assert done.returncode == 0, f"ended by {lines[-1][:200]}: {done.stderr[-500:]}"
    at_start, *read = map(json.loads, lines)
    assert len(read) > 400
    assert [one for one in read if one["outcome"] not in ("read", "refused")] == []
    assert max(one["megabytes"] for one in read) - at_start["megabytes"] < _MOST_MEGABYTES
    refused = {(one["reader"], one["text"]) for one in read if one["outcome"] == "refused"}
    assert _MUST_BE_REFUSED - refused == set()


# Readers that build before anybody has counted: calls, and names that lead to one.
_RAW_CALLS = {"csv.reader", "json.load", "json.loads", "orjson.loads", "yaml.compose", "yaml.load", "yaml.safe_load"}
_RAW_NAMES = {
    "CSafeLoader",
    "HTMLParser",
    "JSONDecoder",
    "SafeLoader",
    "XMLParser",
    "fromstring",
    "iterparse",
    "jiter",
    "lxml",
    "raw_decode",
}
_ALLOWED = {
    "executions/services.py": "reads what one of our own statements has written",
    "julep_project/core/reading/outside_json.py": "counts first",
    "julep_project/core/reading/repeated_keys.py": "reads again what was counted and read",
    "julep_project/env.py": "reads settings of the operator",
    "julep_project/archive/importing.py": "reads the operator's file, a short text",
    "julep_project/archive/loading.py": "reads the operator's file, a bounded line in a process of its own",
    "julep_project/archive/members.py": "reads the operator's file, a short text",
    "julep_project/core/reading/yaml_loader.py": "counts every value before it is built",
    "tasks/expressions/functions/data.py": "counts first, and pays from the budget",
    "agents/tools/integrations/providers/arxiv.py": "counts first",
    "agents/tools/mcp/wire.py": "reads what this product sends",
    "sessions/responses/rows/listing.py": "reads what this product wrote",
    "docs_store/extraction/messages.py": "reads what the process that reads files wrote, a bounded line",
    "executions/comparing/comparison.py": "reads what this product wrote",
    "executions/comparing/wire.py": "reads what this product wrote, some thousand characters",
    "executions/stored_json.py": "reads what this product wrote",
    "executions/effects/perform.py": "reads what this product wrote",
    "executions/engine/rows/claims.py": "reads what this product wrote",
    "executions/engine/evaluation.py": "reads what the evaluating process wrote",
    "julep_project/core/schemas/schema_keywords.py": "reads what it wrote",
    "julep_project/core/health/witness.py": "reads what this product wrote",
    "julep_project/core/telemetry/shared.py": "reads what this product wrote",
    "julep_project/console/queries/rows.py": "reads what this product wrote",
    "julep_project/console/templatetags/console.py": "reads what this product wrote, some thousand characters",
    "agents/calls/selectors.py": "reads what this product wrote",
    "agents/connections/sealed.py": "reads what this product wrote and sealed",
    "julep_project/console/views/triggers/deliveries.py": "reads what this product wrote, a message",
    "julep_project/doctor_processes.py": "reads what this installation's API wrote",
    "tasks/expressions/apart/evaluator.py": "reads what the engine's process wrote",
}
# Programs on the operator's machine that talk to themselves only, and what reads files in a process of its own, with
# bounds on its memory and time.
_OWN_PROGRAMS = (
    "docs_store/extraction/formats/",
    "julep_project/bench/",
    "julep_project/chaos/",
    "julep_project/devservices/",
    "julep_project/demo.py",
)


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("agents", "docs_store", "executions", "julep_project", "sessions", "tasks"):
        for file in (ROOT / folder).rglob("*.py"):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(_OWN_PROGRAMS):
                yield path, ast.parse(file.read_text())


def _raw_readers(tree: ast.Module) -> set[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func) for call in calls}
    methods = {"json" for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "json"}
    names = {
        getattr(node, field)
        for node in ast.walk(tree)
        for field in ("attr", "id", "name", "value")
        if isinstance(getattr(node, field, None), str)
    }
    return called & _RAW_CALLS | names & _RAW_NAMES | methods


def test_only_bounded_readers_call_the_parsers() -> None:
    callers = {path for path, tree in _sources() if _raw_readers(tree)}

    assert callers - set(_ALLOWED) == set()


@pytest.mark.parametrize(
    "source",
    ["json.loads(x)", "answer.json()", "yaml.safe_load(f)", "ElementTree.fromstring(x)", "from html import HTMLParser"],
)
def test_the_look_at_the_sources_finds_a_reader(source: str) -> None:
    assert _raw_readers(ast.parse(source))
