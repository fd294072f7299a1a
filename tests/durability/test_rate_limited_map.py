"""A large map against a provider that takes so many requests in a time and says 429 to all others."""

import threading
import time
from collections import Counter
from typing import Any

import pytest

from executions.models import Branch, Transition
from tests.api_client import ApiClient
from tests.backend import IO_THREADS, Backend, assert_recorded_once, wait_for_end
from tests.durability.programs import start_run
from tests.loopback.model_server import ModelServer, failure

WINDOW_S = 1.0


class Throttle:
    """Answers so many requests in each stretch of time, and says to the others when the next one begins."""

    def __init__(self) -> None:
        self.allowed = 50
        self.answered: Counter[str] = Counter()
        self.refused = 0
        self.windows = 0
        self._lock = threading.Lock()
        self._ends = 0.0
        self._left = 0

    def __call__(self, body: dict[str, Any]) -> Any:
        with self._lock:
            now = time.monotonic()
            if now >= self._ends:
                self.windows, self._ends, self._left = self.windows + 1, now + WINDOW_S, self.allowed
            if not self._left:
                self.refused += 1
                return failure(429, "slow down", **{"Retry-After": f"{self._ends - now:.3f}"})
            self._left -= 1
            self.answered[body["messages"][-1]["content"]] += 1
            return "said"


@pytest.fixture
def throttle(provider: ModelServer) -> Any:
    found = Throttle()
    provider.default = found  # type: ignore[assignment]
    yield found
    del provider.default


@pytest.mark.parametrize(
    ("items", "allowed"), [(200, 50), pytest.param(1000, 100, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_every_item_is_answered_and_few_are_refused(
    api: ApiClient, backend: Backend, throttle: Throttle, items: int, allowed: int
) -> None:
    throttle.allowed = allowed
    agent = api.post("/agents", {"name": "Asker", "model": "gpt-4o-mini"}).json()["id"]
    main = [
        {"over": f"$ range({items})", "map": {"prompt": "$ f'Say {_}'", "unwrap": True}},
        {"evaluate": "$ [len(_), len(set(_))]"},
    ]
    task = api.post(f"/agents/{agent}/tasks", {"name": "many", "main": main}).json()["id"]

    run = wait_for_end(start_run(api, task), backend, seconds=240)

    assert (run.status, run.output) == ("succeeded", [items, 1]), run.error
    assert_recorded_once(run)
    assert (len(throttle.answered), set(throttle.answered.values())) == (items, {1})
    assert not [row for row in Transition.objects.filter(execution=run) if "retries" in row.metadata]
    assert not Branch.objects.exclude(held_up=None).exists()
    # In each stretch those under way are refused, and nobody after them.
    assert throttle.refused <= throttle.windows * IO_THREADS, (throttle.refused, throttle.windows)
    assert throttle.refused < items, throttle.refused
