"""Schedules over HTTP, and ticks in this process. The clock is stepped by moving rows back in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from executions.schedules.models import Occurrence, Schedule
from executions.schedules.services import database_now
from executions.schedules.ticking.tick import tick
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner

Json = dict[str, Any]
DOUBLE: Json = {
    "main": [{"evaluate": {"n": "$ _.n * 2"}}],
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
}


@dataclass
class Scheduling:
    """Makes schedules of one task, and lets their time pass."""

    flow: FlowRunner
    task: str
    capture: Any
    passed: int = 0

    @property
    def api(self) -> ApiClient:
        return self.flow.api

    def make(self, **fields: Any) -> Json:
        """One that fires every ten minutes, unless other times are given."""
        times = {} if fields.keys() & {"cron", "once", "calendar", "every"} else {"every": 600}
        target = {} if "session_id" in fields else {"task_id": self.task, "input": {"n": 1}}
        answer = self.api.post("/schedules", {"name": "s", **target, **times, **fields})
        assert answer.status_code == 201, answer.json()
        made: Json = answer.json()
        return made

    def pass_time(self, schedule: Json, times: int = 1, *, late_s: float = 0) -> None:
        """Let so many of its ten minutes have passed, the last of its times so many seconds ago. Each call comes to
        other times: the clock of the database stands still in a test."""
        self.passed += 1
        late_s = late_s or 50 - self.passed
        row = Schedule.objects.get(pk=schedule["id"])
        assert row.next_nominal is not None
        first = row.next_nominal
        newest = first + timedelta(seconds=600 * (times - 1))
        back = newest - database_now() + timedelta(seconds=late_s)
        anchor = datetime.fromisoformat(row.timing["anchor"]) - back
        row.timing["anchor"] = anchor.isoformat()
        Schedule.objects.filter(pk=row.pk).update(timing=row.timing, next_nominal=first - back, due_at=first - back)

    def act(self, schedule: Json, act: str, body: Any = None) -> Any:
        """The answer to something that is done to it; what it begins is rung for."""
        with self.capture(execute=True):
            return self.api.post(f"/schedules/{schedule['id']}/{act}", body)

    def tick(self) -> int:
        with self.capture(execute=True):
            return tick()

    def fire(self, schedule: Json, times: int = 1, *, late_s: float = 0) -> list[Occurrence]:
        """Let time pass and somebody look; all that is known of the schedule, in the order of times."""
        self.pass_time(schedule, times, late_s=late_s)
        self.tick()
        return self.occurrences(schedule)

    def occurrences(self, schedule: Json) -> list[Occurrence]:
        return list(Occurrence.objects.filter(schedule=schedule["id"]).order_by("nominal"))

    def states(self, schedule: Json) -> list[str]:
        """What became of each time, with the first word of the reason."""
        rows = self.occurrences(schedule)
        return [f"{row.state} {row.reason.partition(':')[0]}".strip() for row in rows]

    def run_to_rest(self) -> None:
        """Let all runs that were begun end, and their schedules hear of it."""
        for row in Occurrence.objects.filter(state="started", execution_id__isnull=False):
            assert isinstance(row.execution_id, UUID)
            self.flow.dispatcher.run_to_rest(row.execution_id)

    def told(self, schedule: Json) -> Json:
        shown: Json = self.api.get(f"/schedules/{schedule['id']}").json()
        return shown


@pytest.fixture
def scheduling(flow: FlowRunner, django_capture_on_commit_callbacks: Any) -> Scheduling:
    created = flow.create(DOUBLE)
    assert created.status_code == 201, created.json()
    return Scheduling(flow, created.json()["id"], django_capture_on_commit_callbacks)
