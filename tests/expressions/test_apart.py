"""Templates that are rendered in processes of their own: the same text and errors, and an end for what stands still."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tasks.expressions.apart import apart
from tasks.expressions.apart.apart import Evaluators, EvaluatorsBusy
from tasks.expressions.apart.evaluator import body_of, frame
from tasks.expressions.errors import EvaluationError, LimitExceeded
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
from tests.effort import calls_made


@pytest.fixture
def evaluators(monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluators]:
    monkeypatch.setenv("JULEP_TEST_BUILD", "1")
    made = Evaluators(1, cpu_seconds=1, patience_s=0)
    yield made
    made.close()


def _render(evaluators: Evaluators, source: str, budget: Budget | None = None, **scope: object) -> str:
    return evaluators.render(compile_template(source), scope, budget or Budget())


def test_text_errors_and_the_budget_are_those_of_this_process(evaluators):
    scope = {"docs": ["ä", "b", "ä"], "unread": object}
    source = "{{ docs | unique | join(',') }}\n{{ docs | length }}"
    here, there = Budget(), Budget()
    assert _render(evaluators, source, there, **scope) == compile_template(source).render(scope, here)
    assert (here.fuel, here.size) == (there.fuel, there.size)

    with pytest.raises(EvaluationError, match="cannot add list and str") as caught:
        _render(evaluators, "\n\n{{ [1] | sort + 'a' }}")
    assert (caught.value.type, caught.value.line) == ("TypeError", 3)
    with pytest.raises(LimitExceeded, match="10,000 members"):
        _render(evaluators, "{{ set(range(20000)) | length }}")


def test_expressions_are_evaluated_there_too(evaluators):
    expression = compile_expression("[json.loads(text), sorted(items)]")
    scope = {"text": '{"a": [1, null]}', "items": [2, 1], "unread": object}
    here, there = Budget(), Budget()
    assert evaluators.evaluate(expression, scope, there) == expression.evaluate(scope, here)
    assert (here.fuel, here.size) == (there.fuel, there.size)
    with pytest.raises(EvaluationError, match="there is no key 'b'") as caught:
        evaluators.evaluate(compile_expression("json.loads(text)['b']"), scope, Budget())
    assert caught.value.source == "json.loads(text)['b']"
    several = [expression, compile_expression("text[0]"), compile_expression("items[9]")]
    assert evaluators.evaluate_all(several[:2], scope, Budget()) == [expression.evaluate(scope, Budget()), "{"]
    with pytest.raises(EvaluationError) as caught:
        evaluators.evaluate_all(several, scope, Budget())
    assert caught.value.source == "items[9]"


def test_what_is_sent_is_written_in_pieces_where_it_takes_long():
    fractions = [n / 7 for n in range(5_000)]
    for huge in ([], [2**70], ["\ud83d"]):
        message = {"scope": [*huge, *fractions]}
        assert body_of(frame(message)) == message
        assert calls_made(lambda message=message: frame(message)) > (len(fractions) if huge else 0)


def test_one_budget_is_used_up_by_several_templates(evaluators):
    budget = Budget(fuel=5_000)
    _render(evaluators, "{{ range(1000) | list | unique | length }}", budget)
    with pytest.raises(LimitExceeded, match="units of work"):
        _render(evaluators, "{{ range(1000) | list | unique | length }}", budget)


def test_what_stands_still_is_stopped_and_the_next_is_rendered(evaluators):
    with pytest.raises(LimitExceeded, match="did not end within 1 s of processor time"):
        _render(evaluators, "{{ stand_still(3600) }}")
    assert _render(evaluators, "{{ [2, 1] | sort }}") == "[1, 2]"


def test_a_large_scope_and_a_large_text_pass_through(evaluators):
    text = "é" * 1_000_000
    assert _render(evaluators, "{{ docs | sort | join }}", docs=[text]) == text


def test_one_that_died_meanwhile_is_replaced(evaluators):
    assert _render(evaluators, "{{ [1] | sort }}") == "[1]"
    (process,) = evaluators._idle
    process._process.kill()
    process._process.wait()
    assert _render(evaluators, "{{ [1] | sort }}") == "[1]"


def test_one_that_holds_too_much_memory_is_replaced(evaluators, monkeypatch):
    pids = []
    for most_mb in (10_000, 10_000, 1):
        monkeypatch.setattr(apart, "_MOST_MB", most_mb)
        assert _render(evaluators, "{{ [1] | sort }}") == "[1]"
        pids.append(evaluators._idle[0]._process.pid)
    assert pids[0] == pids[1] != pids[2]


def test_when_the_system_gives_no_more_processes_it_is_said_so(evaluators, monkeypatch):
    monkeypatch.setattr(apart, "_ROOT", "/nowhere")
    with pytest.raises(EvaluatorsBusy):
        _render(evaluators, "{{ [1] | sort }}")
    monkeypatch.undo()
    assert _render(evaluators, "{{ [1] | sort }}") == "[1]", "its place is free"


def test_when_all_are_at_work_it_is_said_so(evaluators):
    evaluators._free.acquire()
    with pytest.raises(EvaluatorsBusy):
        _render(evaluators, "{{ [1] | sort }}")
    evaluators._free.release()


_PARENT = """
import os
from tasks.expressions import apart
from tasks.expressions.apart.apart import Evaluators
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template
evaluators = Evaluators(1, cpu_seconds=5)
evaluators.render(compile_template("{{ [1] | sort }}"), {}, Budget())
print(evaluators._idle[0]._process.pid, flush=True)
os._exit(1)
"""


def test_they_end_with_the_process_that_started_them():
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE)
    # Its output is at its end when the child has closed it too.
    output, _ = parent.communicate(timeout=100)
    assert parent.returncode == 1
    assert int(output) != os.getpid()


_ENGINE = """
import os
from executions.engine.evaluation import in_child
from tasks.expressions.apart import standstill
from tasks.expressions.errors import EvaluationError
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget

def told(work):
    try:
        return in_child(work, Budget())
    except EvaluationError as error:
        return f"{error.type}: {error}"

standstill.prepare(1)
print(told(lambda: compile_expression("_ + [1]").evaluate({"_": [0]})))
print(told(lambda: compile_expression("_ + [1]").evaluate({"_": 0})))
print(told(lambda: sum(range(10**12))))
print(told(lambda: os.kill(os.getpid(), 9)))
budget = Budget()
in_child(lambda: budget.charge(10), budget)
print(budget.fuel - Budget().fuel)
"""


def test_an_expression_that_ended_a_worker_ends_a_child_only():
    run = subprocess.run([sys.executable, "-c", _ENGINE], capture_output=True, text=True, check=True, timeout=100)
    assert run.stdout.splitlines() == [
        "[0, 1]",
        "TypeError: cannot add int and list",
        "LimitExceeded: the expression did not end within 1 s of processor time and was stopped",
        "LimitExceeded: the process that evaluated the expression ended",
        "-10",
    ]
