"""A way to call a tool against the loopback web server."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Developer
from agents.tools.runners import run_tool

CallTool = Callable[..., Any]


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]


@pytest.fixture
def call_api() -> CallTool:
    """`call_api({spec}, {arguments})` runs an api_call tool."""

    def call(spec: dict[str, Any], arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        tool = {"name": "hook", "type": "api_call", "api_call": spec}
        return run_tool(Developer(), tool, arguments or {}, **{"idempotency_key": "key-1", **options})

    return call
