"""A way to call a tool against the loopback web server."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Developer
from tests.tools.calling import call_tool

CallTool = Callable[..., Any]


@pytest.fixture
def call_provider() -> CallTool:
    """`call_provider("brave", {arguments}, "search", setup={})` runs an integration tool."""

    def call(provider: str, arguments: dict[str, Any], method: str | None = None, **options: Any) -> Any:
        spec = {"provider": provider, "method": method, "setup": options.pop("setup", None)}
        tool = {"name": "t", "type": "integration", "integration": spec}
        return call_tool(Developer(), tool, arguments, **{"idempotency_key": "key-1", **options})

    return call


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]


@pytest.fixture
def call_api() -> CallTool:
    """`call_api({spec}, {arguments})` runs an api_call tool."""

    def call(spec: dict[str, Any], arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        tool = {"name": "hook", "type": "api_call", "api_call": spec}
        return call_tool(Developer(), tool, arguments or {}, **{"idempotency_key": "key-1", **options})

    return call
