"""Hostile programs through the front door: refused when created, or failed when run; never an internal error."""

import pytest

from tasks.expressions.limits import MAX_CPU_SECONDS, MAX_FUEL, MAX_SIZE, Budget
from tests.expressions.hostile import EXPRESSIONS, REFUSED, SOURCES, TEMPLATES
from tests.flow_runner import FlowRunner

EVALUATED = [*EXPRESSIONS, *REFUSED, *(source for source in SOURCES if isinstance(source, str))]


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """That each of them meets a limit is shown where expressions are; here they meet it ten times as soon."""
    monkeypatch.setattr(Budget.__init__, "__defaults__", (MAX_FUEL // 10, MAX_SIZE, MAX_CPU_SECONDS))


@pytest.mark.parametrize("source", EVALUATED, ids=range(len(EVALUATED)))
def test_an_expression_is_refused_or_fails_its_run(flow: FlowRunner, source: str) -> None:
    assert_harmless(flow, {"main": [{"evaluate": {"x": f"$ {source}"}}]})


@pytest.mark.parametrize("source", TEMPLATES, ids=range(len(TEMPLATES)))
def test_a_template_is_refused_or_fails_its_run(flow: FlowRunner, source: str) -> None:
    assert_harmless(flow, {"main": [{"log": source}, {"evaluate": {"x": "1"}}]})


def test_text_from_outside_is_never_rendered(flow: FlowRunner) -> None:
    hostile = "{{ 7 * 7 }} {_} $ 1 + 1 {% for x in range(10**9) %}{% endfor %}"
    main = [
        {"set": {"kept": "$ _.text"}},
        {"log": "{_.kept}"},
        {"evaluate": {"text": "$ state.kept", "in": "<{_.kept}>"}},
    ]

    created = flow.create({"main": main})
    execution = flow.start(created.json()["id"], {"text": hostile})

    assert execution["output"] == {"text": hostile, "in": f"<{hostile}>"}
    assert [row["metadata"]["log"] for row in flow.log(execution["id"]) if "log" in row["metadata"]] == [hostile]


def assert_harmless(flow: FlowRunner, task: dict[str, object]) -> None:
    created = flow.create(task)
    assert created.status_code in (201, 400, 413, 422), created.content
    if created.status_code != 201:
        assert set(created.json()) == {"error"}
        return
    execution = flow.start(created.json()["id"], {"n": 1})
    assert execution["status"] in ("failed", "succeeded"), execution
