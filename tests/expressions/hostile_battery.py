"""Runs every hostile program there is and measures it. A program of its own, so that memory is only theirs.

Takes the seconds of a processor that each may have, `inf` for a budget without a clock, and prints one line of JSON per
program: where it ended, as `compile`, `run` or `nowhere`, the names of the errors that it ended by is one of, CPU
seconds, and megabytes over what was in use before.
"""

import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
from tests.expressions import hostile

# Only Linux tells the peak of one program.
MEASURES_MEMORY = Path("/proc/self/clear_refs").exists()


def _megabytes(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines() if MEASURES_MEMORY else [f"{name} 0"]
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _begin_anew() -> None:
    """Give back what was freed, and let the high-water mark start from here."""
    if MEASURES_MEMORY:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def _end(compile_: Callable[[Any], Callable[[], object]], source: Any) -> tuple[str, list[str]]:
    stage = "compile"
    try:
        run = compile_(source)
        stage = "run"
        run()
    except ExpressionError as error:
        return stage, [kind.__name__ for kind in type(error).__mro__]
    return "nowhere", []


def _measured(compile_: Callable[[Any], Callable[[], object]], source: Any) -> list[Any]:
    _begin_anew()
    memory, began = _megabytes("VmRSS:"), time.process_time()
    stage, errors = _end(compile_, source)
    return [stage, errors, time.process_time() - began, _megabytes("VmHWM:") - memory]


def main(seconds: float) -> None:
    """Print what each program came to, all expressions before all templates."""

    def expression(source: Any) -> Callable[[], object]:
        compiled = compile_expression(source)
        return lambda: compiled.evaluate({}, Budget(cpu_seconds=seconds))

    def template(source: Any) -> Callable[[], object]:
        compiled = compile_template(source)
        return lambda: compiled.render({}, Budget(cpu_seconds=seconds))

    expression("1")(), template("{{ 1 }}")()
    for source in hostile.EXPRESSIONS + hostile.REFUSED + hostile.SOURCES:
        print(json.dumps(_measured(expression, source)), flush=True)
    for source in hostile.TEMPLATES:
        print(json.dumps(_measured(template, source)), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
