"""A world of runs, events and hooks, in this process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from executions.events import handing_out
from executions.events.models import Event
from executions.models import EventWait
from julep_project.core.work import rings
from tests.flow_runner import FlowRunner
from tests.work.clock import pass_time

Json = dict[str, Any]
_KEY = Fernet.generate_key().decode()
# Longer than any lease, and than a message is given.
LONG_S = 600


class Events:
    """Records events and lets what they wake come to rest."""

    def __init__(self, flow: FlowRunner, capture: Callable[..., AbstractContextManager[Any]]) -> None:
        self.flow, self.api, self._capture = flow, flow.api, capture

    def task(self, *main: Json, **parts: Any) -> str:
        created = self.flow.create({"main": list(main), **parts})
        assert created.status_code == 201, created.json()
        return str(created.json()["id"])

    def start(self, *main: Json, given: Json | None = None) -> Json:
        """A run of these steps, at rest; time does not pass."""
        self.flow.time_passes = False
        return self.flow.start(self.task(*main), given or {})

    def record(self, name: str, data: Json | None = None, key: str | None = None) -> Json:
        body = {"name": name, "data": data or {}, **({} if key is None else {"key": key})}
        with self._capture(execute=True):
            answer = self.api.post("/events", body)
        assert answer.status_code in (200, 201), answer.json()
        self.flow.dispatcher.drain()
        event: Json = answer.json()
        return event

    def record_unheard(self, name: str, data: Json | None = None) -> UUID:
        """An event whose message is lost."""
        return UUID(self.api.post("/events", {"name": name, "data": data or {}}).json()["id"])

    def run(self, run: Json) -> Json:
        return self.flow.settle(run["id"])

    def sweep(self) -> None:
        """What was lost is rung for again, after leases have run out."""
        for model in (Event, EventWait):
            pass_time(model, LONG_S)
        handing_out.EVENT_QUEUE.ring_due()
        handing_out.WAIT_QUEUE.ring_due()
        self.flow.dispatcher.drain()


@pytest.fixture
def events(
    flow: FlowRunner, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Events]:
    settings.SECRETS_MASTER_KEY = _KEY
    to = {"events.look": flow.dispatcher.look_for_event, "events.hand_out": flow.dispatcher.hand_out}
    monkeypatch.setattr(rings, "ring", lambda task, *ids: [to[task](UUID(str(each))) for each in ids if task in to])
    yield Events(flow, django_capture_on_commit_callbacks)
