"""The tasks that are measured, and runs of them."""

import secrets
import time
from typing import Any
from uuid import UUID

from agents.access.developers import SINGLE_TENANT_ID
from agents.models import Developer
from agents.services import AgentServices
from executions.models import Execution
from executions.services import start_execution
from executions.states import TERMINAL_EXECUTION, ExecutionStatus
from julep_project.bench.table import seconds_of
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply
from tasks.api.serializers import read_definition
from tasks.models import Task
from tasks.services import create_task

PARALLELISM = 32

_LONGEST_S = 600
_SHORTEST_POLL_S = 0.001
_LONGEST_POLL_S = 0.05


class InstantServer(LoopbackServer):
    """Answers at once and keeps nothing."""

    def answer(self, request: RecordedRequest) -> Reply:
        self.requests.clear()
        return Reply(200, {"ok": True})


def light_steps(count: int) -> Task:
    """So many steps that add one to a number; runs take `{"n": 0}`."""
    return _task({"main": [{"evaluate": {"n": "$ _['n'] + 1"}}] * count})


def one_call(url: str) -> Task:
    return _task({"tools": [_ping(url)], "main": [_CALL]})


def mapped_calls(url: str) -> Task:
    step = {"over": "$ _['items']", "map": _CALL, "parallelism": PARALLELISM}
    return _task({"tools": [_ping(url)], "main": [step]})


def looped_calls(url: str, count: int) -> Task:
    """So many HTTP calls one after the other; the run's input is carried along."""
    loop = {"foreach": {"in": f"$ list(range({count}))", "do": _CALL}}
    return _task({"tools": [_ping(url)], "main": [loop, {"evaluate": {"n": "$ len(_)"}}]})


def incompressible(size: int) -> str:
    """Text of so many characters in which no pattern comes back."""
    return secrets.token_hex(size // 2 + 1)[:size]


def sleeper(seconds: int) -> Task:
    return _task({"main": [{"sleep": {"seconds": seconds}}]})


def failing() -> Task:
    """Divides by zero."""
    return _task({"main": [{"evaluate": {"n": "$ 1 // _['n']"}, "label": "divide"}]})


def asking() -> Task:
    """Waits for an answer."""
    return _task({"main": [{"wait_for_input": {"info": {"question": "Refund 274 EUR?"}}, "label": "ask a person"}]})


def start(task: Task, input_: dict[str, Any] | None = None) -> UUID:
    """Start a run through the service the API calls."""
    execution = start_execution(developer=task.developer, task=task, input_={"n": 0} if input_ is None else input_)
    return UUID(str(execution.pk))


def wait_for_end(execution_id: UUID) -> None:
    """Poll until the run has succeeded, at most one part in fifty too long.

    Raises:
        RuntimeError: it ended otherwise, or not in time.
    """
    began = time.monotonic()
    while (status := _status(execution_id)) not in TERMINAL_EXECUTION:
        waited = time.monotonic() - began
        if waited > _LONGEST_S:
            raise RuntimeError(f"a run is still {status} after {waited:.0f} s")
        time.sleep(min(max(_SHORTEST_POLL_S, waited / 50), _LONGEST_POLL_S))
    if status != ExecutionStatus.SUCCEEDED:
        raise RuntimeError(f"a run is {status}: {Execution.objects.get(pk=execution_id).error}")


def wait_for_first_transition(execution_id: UUID) -> None:
    while not Execution.objects.filter(pk=execution_id, transition_count__gt=0).exists():
        time.sleep(_SHORTEST_POLL_S)


def seconds_to_end(task: Task, input_: dict[str, Any] | None = None) -> float:
    """From the call that starts a run to its end."""
    return seconds_of(lambda: wait_for_end(start(task, input_)))


def unfinished(task: Task) -> int:
    return Execution.objects.filter(task=task).exclude(status__in=TERMINAL_EXECUTION).count()


def untouched(task: Task) -> int:
    """How many runs of the task have no row in their log yet."""
    return Execution.objects.filter(task=task, status=ExecutionStatus.QUEUED).count()


def own_developer() -> Developer:
    """Whose everything is that is measured, but for what others do beside it."""
    return Developer.objects.get(pk=SINGLE_TENANT_ID)


def _status(execution_id: UUID) -> ExecutionStatus:
    return ExecutionStatus(Execution.objects.values_list("status", flat=True).get(pk=execution_id))


_CALL = {"tool": "ping", "arguments": {}}


def _ping(url: str) -> dict[str, Any]:
    return {"name": "ping", "type": "api_call", "api_call": {"method": "GET", "url": url}}


def _task(definition: dict[str, Any]) -> Task:
    developer = own_developer()
    agent = AgentServices().create(developer=developer, values={"name": "bench"})
    return create_task(developer=developer, agent=agent, definition=read_definition({"name": "bench", **definition}))
