"""Runs one program through the API and the in-process engine."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from executions.inprocess import InProcessDispatcher
from executions.models import Branch, Transition
from executions.states import MAY_FOLLOW, TransitionType
from tests.api_client import ApiClient


def assert_in_order(execution_id: str) -> None:
    """In every branch, each row of the log is of a type that may follow the one before."""
    last: dict[UUID, TransitionType] = {}
    rows = Transition.objects.filter(execution=execution_id).order_by("seq")
    for branch, type_ in rows.values_list("branch_id", "type"):
        before, after = last.get(branch), TransitionType(type_)
        assert after in MAY_FOLLOW[before], f"{after} after {before}"
        last[branch] = after


def decision_about(asked: dict[str, Any], decision: str) -> dict[str, Any]:
    """What a person sends who decides about a call as it was told."""
    return {"id": asked["id"], "hash": asked["hash"], "decision": decision}


class FlowRunner:
    """Creates the task, starts it, answers its waits and lets it come to rest."""

    def __init__(self, capture: Callable[..., AbstractContextManager[Any]]) -> None:
        self.api = ApiClient()
        self.dispatcher = InProcessDispatcher()
        # Whether timers fire; without, a run rests where it sleeps.
        self.time_passes = True
        self._capture = capture

    def create(self, task: Any, agent: dict[str, Any] | None = None) -> Any:
        """The answer to creating the task for a new agent. A text is sent as the YAML document it is."""
        given = dict(agent or {})
        tools = given.pop("tools", [])
        docs = given.pop("docs", [])
        created = self.api.post("/agents", {"name": "Ada", **given}).json()
        for tool in tools:
            assert self.api.post(f"/agents/{created['id']}/tools", tool).status_code == 201
        for doc in docs:
            assert self.api.post(f"/agents/{created['id']}/docs", doc).status_code == 201
        path = f"/agents/{created['id']}/tasks"
        if isinstance(task, str):
            return self.api.post(path, raw=task.encode(), content_type="application/yaml")
        return self.api.post(path, {"name": "flow", **task})

    def start(self, task_id: str, input_: Any, metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start a run and let it come to rest."""
        body = {"input": input_} if metadata is None else {"input": input_, "metadata": metadata}
        with self._capture(execute=True):
            answer = self.api.post(f"/tasks/{task_id}/executions", body)
        assert answer.status_code == 201, answer.json()
        return self.settle(answer.json()["id"])

    def resume(self, execution_id: str, value: Any) -> dict[str, Any]:
        """Answer the open wait and let the run come to rest."""
        return self._change(execution_id, {"status": "running", "input": value})

    def decide(self, execution_id: str, decision: str, **fields: Any) -> dict[str, Any]:
        """Decide about the first call that is asked about, by the token of its wait, and let the run come to rest."""
        open_ = set(
            Branch.objects.filter(execution=execution_id, wait_id__isnull=False).values_list("wait_id", flat=True)
        )
        wait = next(row for row in self.log(execution_id) if UUID(row["id"]) in open_)
        value = {**decision_about(wait["output"], decision), **fields}
        token = wait["metadata"]["task_token"]
        return self._change(execution_id, {"status": "running", "input": value, "task_token": token})

    def resume_wait(self, execution_id: str, shown: Any, value: Any) -> dict[str, Any]:
        """Answer the wait that shows this, by its own token, and let the run come to rest."""
        waits = [row for row in self.log(execution_id) if row["type"] == "wait" and row["output"] == shown]
        assert len(waits) == 1, f"{len(waits)} waits show {shown!r}"
        token = waits[0]["metadata"]["task_token"]
        return self._change(execution_id, {"status": "running", "input": value, "task_token": token})

    def cancel(self, execution_id: str) -> dict[str, Any]:
        """Cancel the run and let it come to rest."""
        return self._change(execution_id, {"status": "cancelled"})

    def settle(self, execution_id: str) -> dict[str, Any]:
        """The run once nothing moves any more."""
        done: list[Any] = [None]
        # What a step does outside of the engine rings when its transaction is over.
        while done:
            with self._capture(execute=True) as done:
                self.dispatcher.run_to_rest(UUID(execution_id), **({} if self.time_passes else {"max_wakes": 0}))
        assert_in_order(execution_id)
        execution: dict[str, Any] = self.api.get(f"/executions/{execution_id}").json()
        return execution

    def log(self, execution_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.api.get(
            f"/executions/{execution_id}/transitions", {"direction": "asc", "limit": 1000}
        ).json()["items"]
        return items

    def _change(self, execution_id: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._capture(execute=True):
            answer = self.api.put(f"/executions/{execution_id}", body)
        assert answer.status_code == 200, answer.json()
        return self.settle(execution_id)
