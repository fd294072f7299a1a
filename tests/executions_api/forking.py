"""Runs a task that asks a model, and does the run again in several ways."""

from typing import Any

from executions.models import Execution
from tests.executions_api.retrying import Json, Retrying

ASK: Json = {"prompt": "$ f'Say {_.n}'", "unwrap": True, "settings": {"model": "offline/echo"}, "label": "ask"}
MAIN: list[Any] = [{"evaluate": {"n": "$ _.n + 1"}}, ASK, {"evaluate": {"said": "$ _"}}]


class Forking:
    """Forks runs and lets the variants come to rest."""

    def __init__(self, retrying: Retrying, capture: Any) -> None:
        self.retrying, self.flow, self._capture = retrying, retrying.flow, capture

    def ask(self, run: Json, *variants: Any, query: Json | None = None, **body: Any) -> Any:
        sent = {**body, "variants": list(variants)}
        with self._capture(execute=True):
            return self.flow.api.send("POST", f"/executions/{run['id']}/fork", sent, query_params=query)

    def runs(self, run: Json, *variants: Json, **body: Any) -> list[Json]:
        """The variants in their order; the run is as it was."""
        answer = self.ask(run, *variants, **body)
        assert answer.status_code == 201, answer.json()
        told = answer.json()
        found = [self.flow.settle(each["id"]) for each in told["runs"]]
        for index, (each, variant) in enumerate(zip(found, variants, strict=True)):
            shown = {
                "id": told["id"],
                "index": index,
                "name": variant.get("name", ""),
                "from": body.get("from", "failed"),
            }
            assert {name: each["fork"][name] for name in shown} == shown
            assert each["retried_from"] == run["id"]
        assert self.flow.api.get(f"/executions/{run['id']}").json() == run
        together = self.flow.api.get("/executions", {"fork_id": told["id"]}).json()["items"]
        assert {each["id"] for each in together} == {each["id"] for each in found}
        return found

    def refusal(self, run: Json, *variants: Any, **body: Any) -> tuple[int, Any]:
        """The status and what is wrong; nothing was begun."""
        before = Execution.objects.count()
        answer = self.ask(run, *variants, **body)
        assert Execution.objects.count() == before
        error = answer.json()["error"]
        return answer.status_code, [each["loc"] for each in error.get("details", ())] or error["code"]


def row_of(forking: Forking, run: Json, label: str) -> str:
    return str(next(row["id"] for row in forking.flow.log(run["id"]) if row["step_label"] == label))
