"""Every limit stops a hostile program, quickly and without much memory."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.expressions import limits
from tasks.expressions.errors import EvaluationError, ExpressionError, LimitExceeded
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
from tests.expressions import hostile
from tests.expressions.hostile_battery import MEASURES_MEMORY

_ROOT = Path(__file__).parents[2]
# In the order in which the battery runs them.
_LISTS = ("EXPRESSIONS", "REFUSED", "SOURCES", "TEMPLATES")
_MAX_MEGABYTES = 64
# On a busy machine the same work takes several times the quarter of a second that is aimed at.
_GUARD_SECONDS = 2.0


def counted() -> Budget:
    """A budget without a clock: what stops a program then stops it at the same place on every machine."""
    return Budget(cpu_seconds=math.inf)


class Ended(NamedTuple):
    """What a hostile program came to."""

    source: str
    stage: str
    errors: list[str]
    seconds: float
    megabytes: float


Battery = dict[str, list[Ended]]


def run_battery(seconds: float) -> Battery:
    """What became of each list of hostile programs, with so many seconds of a processor for each program."""
    command = [sys.executable, "-m", "tests.expressions.hostile_battery", str(seconds)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=110)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended after {len(lines)} programs: {done.stderr[-500:]}"
    sources = [(name, source[:80]) for name in _LISTS for source in getattr(hostile, name)]
    found: Battery = {name: [] for name in _LISTS}
    for (name, source), line in zip(sources, lines, strict=True):
        found[name].append(Ended(source, *json.loads(line)))
    return found


@pytest.fixture(scope="module")
def counted_only() -> Battery:
    """Without a clock: what stops a program then stops it at the same place on every machine."""
    return run_battery(math.inf)


def not_ended(programs: list[Ended], error: type[ExpressionError], *stages: str) -> list[Ended]:
    """Those that did not end in this way."""
    return [one for one in programs if one.stage not in stages or error.__name__ not in one.errors]


def test_hostile_expressions_meet_a_limit_that_is_counted(counted_only: Battery) -> None:
    assert not_ended(counted_only["EXPRESSIONS"], LimitExceeded, "compile", "run") == []


def test_hostile_expressions_are_refused(counted_only: Battery) -> None:
    assert not_ended(counted_only["REFUSED"], EvaluationError, "compile", "run") == []


def test_hostile_sources_are_not_compiled(counted_only: Battery) -> None:
    assert not_ended(counted_only["SOURCES"], ExpressionError, "compile") == []


def test_hostile_templates_meet_a_limit_that_is_counted(counted_only: Battery) -> None:
    assert not_ended(counted_only["TEMPLATES"], LimitExceeded, "compile", "run") == []


@pytest.mark.skipif(not MEASURES_MEMORY, reason="only Linux tells the peak of one program")
def test_each_hostile_program_needs_little_memory(counted_only: Battery) -> None:  # D23
    ended = [one for each in counted_only.values() for one in each]
    assert len(ended) > 150
    assert [one for one in ended if one.megabytes > _MAX_MEGABYTES] == []


@pytest.mark.slow
def test_each_hostile_program_needs_little_time() -> None:
    ended = [one for each in run_battery(limits.MAX_CPU_SECONDS).values() for one in each]
    assert [one for one in ended if one.seconds > _GUARD_SECONDS] == []


def test_the_clock_is_looked_at_while_a_set_is_built(monkeypatch):
    looks = []
    monkeypatch.setattr(Budget, "check_clock", lambda budget: looks.append(budget.fuel))
    for source in ("set(_)", "{x: 1 for x in _}", "dict([[x, 1] for x in _])", "set(['a']) | set(_)"):
        looks.clear()
        compile_expression(f"len({source})").evaluate({"_": list(range(9_000))}, counted())
        assert len(looks) >= 4, source


def test_numbers_from_the_input_that_have_one_hash_are_refused():
    numbers = [(2**61 - 1) * i for i in range(20_000)]
    for source in ("len(set(_))", "{x: 1 for x in _}", "statistics.mode(_)"):
        with pytest.raises(LimitExceeded, match="same hash"):
            compile_expression(source).evaluate({"_": numbers}, counted())
    with pytest.raises(LimitExceeded, match="same hash"):
        compile_template("{{ rows | unique(attribute='n') | length }}").render(
            {"rows": [{"n": number} for number in numbers]}, counted()
        )


def test_sets_and_objects_of_ordinary_size_are_built():
    texts = [f"id-{i}" for i in range(50_000)]
    assert compile_expression("len(set(_))").evaluate({"_": texts * 2}) == 50_000
    assert compile_expression("len({x: 1 for x in _})").evaluate({"_": texts}) == 50_000
    assert compile_expression("len(set(range(10000)))").evaluate({}) == 10_000
    assert compile_expression("len(set([7] * 100000))").evaluate({}) == 1
    assert compile_expression("sorted(set([1, 2, 3]) ^ set([3, 4]))").evaluate({}) == [1, 2, 4]
    assert compile_expression("set([1, 2]) < set([2, 1, 3]) and not set([1]) < set([1])").evaluate({}) is True
    assert compile_expression("set([1, 2]) >= set([2]) and set([1]) == set([1.0, True])").evaluate({}) is True
    assert compile_expression("statistics.mode([3, 1, 1, 3, 2])").evaluate({}) == 3


def test_ordinary_work_is_far_from_the_limits():
    docs = [{"text": "word " * 200, "score": i / 1000} for i in range(1000)]
    best = compile_expression("sorted([d.score for d in _ if 'word' in d.text.lower()], reverse=True)[:10]")
    assert len(best.evaluate({"_": docs})) == 10
    joined = compile_expression("'\\n'.join([f'{i}: {d.text.strip()}' for i, d in enumerate(_)])")
    assert len(joined.evaluate({"_": docs})) > 900_000
    long_sum = " + ".join(["'a'"] * 500)
    assert compile_expression(long_sum).evaluate({}) == "a" * 500


def test_a_large_input_passes_through():
    rows = [{"id": i, "name": f"n{i}"} for i in range(50_000)]
    assert compile_expression("_").evaluate({"_": rows}) == rows


def test_fuel_is_the_same_on_every_run():
    expression = compile_expression("[x * 2 for x in range(100) if x % 2] + sorted([3, 1])")
    used = set()
    for _ in range(3):
        budget = Budget()
        expression.evaluate({}, budget)
        used.add(limits.MAX_FUEL - budget.fuel)
    assert len(used) == 1


def test_the_cpu_clock_stands_still_while_the_caller_reads(evaluate):
    from tasks.expressions.values import Lazy

    def read():
        end = time.thread_time() + 0.3
        while time.thread_time() < end:
            pass
        return 1

    assert evaluate("[slow for i in range(5000)][0]", slow=Lazy(read)) == 1


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("str(_)", "deep"),
        ("_ == other", "deep"),
        ("dump_json(_)", "deep"),
        ("[_]", "deep"),
        ("sorted([_, other])", "deep"),
    ],
)
def test_deep_data(source, data):
    value: list = []
    other: list = []
    for _ in range(300):
        value, other = [value], [other]
    with pytest.raises(LimitExceeded):
        compile_expression(source).evaluate({"_": value, "other": other})
