"""Runs a task and does the run again."""

from typing import Any

from executions.models import Transition
from julep_project.devservices.loopback import Reply
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

Json = dict[str, Any]
BROKEN, MENDED = Reply(422, "no"), Reply(200, {"paid": True})
PAY: Json = {"tool": "pay", "arguments": {"json": {"n": "$ _"}}, "label": "charge"}


class Retrying:
    """Runs a task whose tool answers as scripted, and retries the run."""

    def __init__(self, flow: FlowRunner, web: WebServer, capture: Any) -> None:
        self.flow, self.web, self._capture = flow, web, capture

    def task(self, main: list[Any], *replies: Reply, once: bool = False, **more: Any) -> str:
        url = self.web.script("/pay", *replies)
        tool = {"name": "pay", "type": "api_call", "api_call": {"method": "POST", "url": url}, "at_most_once": once}
        answer = self.flow.create({"tools": [tool], "main": main, **more})
        assert answer.status_code == 201, answer.json()
        return str(answer.json()["id"])

    def run(self, main: list[Any], *replies: Reply, input: Json | None = None, **more: Any) -> Json:
        return self.flow.start(self.task(main, *replies, **more), input or {})

    def ask(self, run: Json, query: Json | None = None, **body: Any) -> Any:
        with self._capture(execute=True):
            return self.flow.api.send("POST", f"/executions/{run['id']}/retry", body, query_params=query)

    def again(self, run: Json, **body: Any) -> Json:
        """The new run once it has come to rest; the old one is as it was."""
        before = self.flow.api.get(f"/executions/{run['id']}").json()
        answer = self.ask(run, **body)
        assert answer.status_code == 201, answer.json()
        new = self.flow.settle(answer.json()["id"])
        assert new["retried_from"] == run["id"]
        assert self.flow.api.get(f"/executions/{run['id']}").json() == before
        seqs = Transition.objects.filter(execution=new["id"]).order_by("seq").values_list("seq", flat=True)
        assert list(seqs) == list(range(1, new["transition_count"] + 1))
        return new

    def preview(self, run: Json, **body: Any) -> Json:
        answer = self.ask(run, {"preview": "true"}, **body)
        assert answer.status_code == 200, answer.json()
        told: Json = answer.json()
        return told

    def types(self, run: Json) -> list[str]:
        return [row["type"] for row in self.flow.log(run["id"])]

    @property
    def calls(self) -> list[Any]:
        return [request.json()["n"] for request in self.web.requests]
