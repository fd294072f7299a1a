"""The recipes of `docs/contributing.md`: what a newcomer adds is one module, and nothing lists it."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agents.models import Developer
from agents.tools import reference as tools_reference
from agents.tools import system
from agents.tools.integrations import providers
from agents.tools.integrations import registry as integrations
from julep_project.core.reading.fields import reader_of
from tasks.programs import reference as language_reference
from tasks.steps import kinds
from tasks.steps import registry as steps
from tests.described import OF_THE_DESCRIPTION
from tests.flow_runner import FlowRunner

_HERE = Path(__file__).parent


@contextmanager
def _beside(monkeypatch: pytest.MonkeyPatch, package: ModuleType, folder: str, *cached: Any) -> Iterator[None]:
    """As if what lies in a folder here lay in the package, whose content is cached."""
    with monkeypatch.context() as patch:
        patch.setattr(package, "__path__", [*package.__path__, str(_HERE / folder)])
        for function in cached:
            function.cache_clear()
        yield
    for function in cached:
        function.cache_clear()


@pytest.fixture
def step_kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if `kinds/shout.py` lay beside the others."""
    with _beside(monkeypatch, kinds, "kinds", steps.all_kinds, steps.by_main_key, steps._by_kind):
        yield


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if `providers/parrot.py` lay beside the others."""
    cached = (providers.run_here, integrations.all_methods, reader_of, *OF_THE_DESCRIPTION)
    with _beside(monkeypatch, providers, "providers", *cached):
        yield


@pytest.fixture
def operation(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the function of `operations.py` stood in that of an app."""
    monkeypatch.setattr(system, "_operations", dict(system._operations))
    monkeypatch.delitem(sys.modules, "tests.samples.operations", raising=False)
    importlib.import_module("tests.samples.operations")


def test_a_step_kind(step_kind: None, flow: FlowRunner) -> None:
    created = flow.create({"main": [{"evaluate": {"name": "Ada"}}, {"shout": "hello {{ _.name }}"}]})
    assert created.status_code == 201, created.json()
    assert created.json()["main"][1] == {"kind_": "shout", "label": None, "shout": "hello {{ _.name }}"}

    assert flow.start(created.json()["id"], {})["output"] == "HELLO ADA"
    assert "| [`shout`](#shout) | say a text in capitals | `shout` |" in language_reference.tables()["step kinds"]


def test_mistakes_in_a_step_of_that_kind_are_told_as_in_any(step_kind: None, flow: FlowRunner) -> None:
    refused = flow.create({"main": [{"shout": "hello", "shuot": True}]})
    assert refused.status_code == 422
    assert [issue["msg"] for issue in refused.json()["error"]["details"]] == ["'shuot' is not a key of shout steps"]


def test_a_provider(provider: None, flow: FlowRunner) -> None:
    tool = {"name": "parrot", "type": "integration", "integration": {"provider": "parrot", "method": "say"}}
    created = flow.create({"main": [{"tool": "parrot", "arguments": {"text": "hello"}}]}, {"tools": [tool]})

    assert flow.start(created.json()["id"], {})["output"] == {"said": "hello"}
    assert "| `parrot` | `say` | Say a text again. |" in tools_reference.tables()["providers"]


def test_an_operation(operation: None, flow: FlowRunner, developer: Developer) -> None:
    for name, about in (("Zoe", "likes tides"), ("Max", "likes trains")):
        assert flow.api.post("/users", {"name": name, "about": about}).status_code == 201
    tool: dict[str, Any] = {"name": "find", "type": "system", "system": {"resource": "user", "operation": "search"}}
    created = flow.create({"main": [{"tool": "find", "arguments": {"about": "tides"}}]}, {"tools": [tool]})

    assert flow.start(created.json()["id"], {})["output"] == [{"name": "Zoe"}]
    assert (
        "| `user.search` | Find users by what is known of them. | `about` |" in tools_reference.tables()["operations"]
    )
