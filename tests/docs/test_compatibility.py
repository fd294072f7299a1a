"""The page about clients lists every method there is, each with a test that calls it."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from julep import Julep
from julep._resource import SyncAPIResource

from julep_project.management import compatibility

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text()
_ROW = re.compile(r"^\| `(?P<method>[a-z_]+\.[a-z_.]+)` \| `[A-Z]+ /\S*` \| `(?P<test>\S+)` \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/\S+\.py)::(\w+)`")


def _methods(resource: object, path: str = "") -> Iterator[str]:
    """Every method that sends something, by its path from the client."""
    for name in dir(type(resource)):
        if name.startswith("_"):
            continue
        if isinstance(below := getattr(resource, name), SyncAPIResource):
            yield from _methods(below, f"{path}{name}.")
        elif path and inspect.isfunction(inspect.getattr_static(type(resource), name)):
            yield path + name


def _source(test: str) -> str:
    """The text of a test that is named `file::function`."""
    file, _, name = test.partition("::")
    text = (ROOT / file).read_text()
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    return next((ast.get_source_segment(text, node) or "" for node in functions if node.name == name), "")


ROWS = [(row["method"], row["test"]) for row in _ROW.finditer(PAGE)]


def test_every_method_of_the_client_is_listed() -> None:
    with Julep(api_key="none", base_url="http://127.0.0.1") as client:
        there = sorted(_methods(client))

    assert sorted(method for method, _ in ROWS) == there


@pytest.mark.parametrize(("method", "test"), ROWS, ids=[method for method, _ in ROWS])
def test_the_test_beside_a_method_calls_it(method: str, test: str) -> None:
    resource, _, name = method.rpartition(".")
    assert re.search(rf"\.{re.escape(resource)}\.(?:\w+\.)?{name}\b", _source(test))


def test_every_test_that_is_named_exists() -> None:
    named = {f"{file}::{name}" for file, name in _TEST.findall(PAGE)}

    assert len(named) > 30
    assert [test for test in sorted(named) if not _source(test)] == []


def test_the_tables_of_parameters_are_those_of_the_code() -> None:
    assert compatibility.written(PAGE) == PAGE, "run `manage.py compatibility_reference --write`"
    call_command("compatibility_reference", stdout=StringIO())


@pytest.mark.parametrize("package", ["julep", "openai", "anthropic"])
def test_the_versions_are_those_that_are_tested(package: str) -> None:
    assert re.search(rf"^\| `{package}` for Python \| {re.escape(version(package))} \|", PAGE, re.MULTILINE)
