"""The programs of `examples.yaml` compile, in the right dialect, to what they say."""

from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.programs.compile import InvalidTaskSpec, compile_task
from tasks.programs.program import Program

EXAMPLES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text())


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    example = EXAMPLES[name]
    result = compile_task(example["task"])
    assert result.dialect == example["dialect"]
    assert result.warnings == []
    assert Program.load(result.program).dump() == result.program
    for *path, expected in example.get("stored", []):
        assert reduce(lambda found, key: found[key], path, result.program["workflows"]) == expected


@pytest.mark.parametrize("name", EXAMPLES)
def test_answer_to_an_example_is_the_same_task(name: str) -> None:
    task = EXAMPLES[name]["task"]
    first = compile_task(task)
    again = compile_task({**task, **first.source, "tools": first.tools})
    assert (again.sha256, again.source, again.tools) == (first.sha256, first.source, first.tools)


@pytest.mark.parametrize(
    ("step", "location"),
    [
        ({"if": "score > 0.8", "then": [{"log": "x"}]}, "if"),
        ({"foreach": {"in": "data_list", "do": [{"log": "x"}]}}, "foreach.in"),
        ({"map_reduce": {"over": "numbers", "map": [{"evaluate": "_ ** 2"}]}}, "over"),
        ({"switch": [{"case": "category == 'A'", "then": [{"log": "x"}]}]}, "switch[0].case"),
        ({"evaluate": {"average": "sum(scores) / len(scores)"}}, "evaluate.average"),
    ],
)
def test_bare_names_of_the_oldest_documents_are_refused(step: Any, location: str) -> None:
    with pytest.raises(InvalidTaskSpec) as refused:
        compile_task({"main": [step]})
    assert {issue["location"] for issue in refused.value.issues} == {f"workflows.main.steps[0].{location}"}


def test_bare_name_in_a_template_is_a_warning() -> None:
    (warning,) = compile_task({"main": [{"prompt": "Analyse: {{data}}"}]}).warnings
    assert "'data' is not defined" in warning["message"]
