"""What a test asserts does not depend on how fast the machine is. Time is measured by the benchmark."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
_CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime"}


def _sources() -> Iterator[Path]:
    """The tests that run every time; the slow ones may have guards of their own."""
    for path in sorted(_TESTS.rglob("test_*.py")):
        if "mark.slow" not in path.read_text(encoding="utf-8"):
            yield path


def _lines_with_clocks(tree: ast.Module) -> list[int]:
    """Where an assertion looks at a clock, itself or through a name that was read from one.

    An assertion inside a loop is the guard of a wait, which fails only what would wait for ever.
    """
    in_loops = {id(node) for loop in ast.walk(tree) if isinstance(loop, ast.While) for node in ast.walk(loop)}
    read = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _calls_clock(node.value)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and id(node) not in in_loops and (_calls_clock(node) or _names(node) & read)
    ]


def _calls_clock(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in _CLOCKS for node in ast.walk(tree))


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_no_assertion_looks_at_a_clock() -> None:
    found = {str(path.relative_to(_TESTS)): _lines_with_clocks(ast.parse(path.read_text())) for path in _sources()}
    assert len(found) > 100
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "assert time.monotonic() - began < 1",
        "began = time.thread_time()\nassert work() - began < 1",
        "import time\nbefore, began = 1, time.perf_counter()\nassert began",
    ],
)
def test_such_an_assertion_is_found(source: str) -> None:
    assert _lines_with_clocks(ast.parse(source))
