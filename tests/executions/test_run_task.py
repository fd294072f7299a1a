"""`manage.py run_task`: a task file on a laptop, without a broker."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

TASK = """
name: Greet
main:
  - sleep: {hours: 1}
  - wait_for_input: {info: {question: who}}
  - evaluate: {greeting: "$ inputs[0].word + ' ' + _.name"}
"""


def run(tmp_path: Path, task: str, *arguments: str) -> str:
    file = tmp_path / "greet.yaml"
    file.write_text(task)
    out = StringIO()
    call_command("run_task", str(file), *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_it_runs_to_its_end_and_prints_log_and_output(tmp_path: Path) -> None:
    printed = run(tmp_path, TASK, "--input", json.dumps({"word": "Hello"}), "--answer", '{"name": "Ada"}')

    assert [line.split()[0] for line in printed.splitlines()[:6]] == [
        "init",
        "step",
        "wait",
        "resume",
        "step",
        "finish",
    ]
    assert json.loads(printed[printed.rindex("\n{") :]) == {"greeting": "Hello Ada"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("task", "said"),
    [
        (TASK, "awaiting_input"),
        ("name: x\nmain: [{evaluate: {a: '$ nonsense'}}]", "nonsense"),
        ("name: x\nmain: [{error: broken}]", "broken"),
        ("name: [", "while parsing"),
    ],
)
def test_what_goes_wrong_is_said(tmp_path: Path, task: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(tmp_path, task)
