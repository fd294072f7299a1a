"""Programs whose steps reach outside: to a web server on loopback and to a scripted model."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from executions.models import Branch
from tests.flow_runner import FlowRunner

Started = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]


@pytest.fixture
def run(flow: FlowRunner) -> Started:
    """`run(main, tools=[...], input={...})`: the execution once it has come to rest."""

    def started(main: list[Any], *, input: Any = None, **task: Any) -> dict[str, Any]:
        created = flow.create({"main": main, **task})
        assert created.status_code == 201, created.json()
        return flow.start(created.json()["id"], input or {})

    return started


def let_leases_run_out() -> None:
    """What becomes of every claim whose worker is silent for long."""
    Branch.objects.update(lease_until=timezone.now() - timedelta(hours=1))


def api_tool(url: str, **fields: Any) -> dict[str, Any]:
    """A tool `world` that calls the URL."""
    spec = {"method": "POST", "url": url, **fields.pop("spec", {})}
    return {"name": "world", "type": "api_call", "api_call": spec, **fields}
