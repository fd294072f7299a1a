"""Which tools are run, and how others join."""

import pytest

from agents.models import Developer
from agents.tool_kinds import CLIENT_RUN
from agents.tools import registry
from agents.tools.errors import ToolError
from agents.tools.registry import Caller, ToolCall, register_runner
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {kind: runner for kind, runner in registry._runners.items() if kind != "system"}
    monkeypatch.setattr(registry, "_runners", kept)


def double(call: ToolCall) -> object:
    return {"got": dict(call.arguments), "spec": dict(call.spec), "key": call.idempotency_key, "s": call.timeout_s}


@pytest.mark.usefixtures("own_registry")
def test_a_registered_kind_is_run() -> None:
    register_runner("system", double)
    tool = {"name": "t", "type": "system", "system": {"resource": "agent"}, "description": None}

    result = run_tool(Caller(Developer(), "k", timeout_s=3), WantedCall(tool, {"a": 1}))

    assert result == {"got": {"a": 1}, "spec": {"resource": "agent"}, "key": "k", "s": 3}


@pytest.mark.usefixtures("own_registry")
def test_a_kind_has_one_runner() -> None:
    register_runner("system", double)
    register_runner("system", double)
    with pytest.raises(ValueError, match="'system'"):
        register_runner("system", lambda call: None)


@pytest.mark.parametrize("kind", sorted(CLIENT_RUN))
def test_other_kinds_are_refused_for_good(kind: str) -> None:
    with pytest.raises(ToolError, match="not run by this server") as caught:
        run_tool(Caller(Developer(), "k"), WantedCall({"name": "t", "type": kind, kind: {}}, {}))
    assert not caught.value.retryable


def test_arguments_must_be_an_object() -> None:
    with pytest.raises(ToolError, match="must be an object"):
        run_tool(Caller(Developer(), "k"), WantedCall({"name": "t", "type": "api_call"}, ["a"]))  # type: ignore[arg-type]
