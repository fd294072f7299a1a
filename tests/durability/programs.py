"""Small programs for tests on crashing workers, whose calls to the outside can be told apart and counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from executions.models import Branch, Transition
from executions.wait_tokens import task_token
from julep_project.devservices.loopback import RecordedRequest, Reply
from tests.api_client import ApiClient
from tests.durability.step_kinds import ANSWER, PROGRAMS
from tests.flow_runner import decision_about
from tests.loopback.web_server import WebServer

# Path of the tool that is declared `at_most_once`.
ONCE = "/once"
# Path of the tool whose calls people agree to.
ASKED = "/asked"


def create_task(api: ApiClient, url: str, name: str, main: list[Any]) -> str:
    """A task that may call `url` as its tool `world`; its id."""
    agent = api.post("/agents", {"name": name}).json()
    tools = [{"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": url}}]
    answer = api.post(f"/agents/{agent['id']}/tasks", {"name": name, "tools": tools, "main": main})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def create_step_tasks(api: ApiClient, web_server: WebServer, names: Iterable[str]) -> dict[str, str]:
    """Tasks for these of the programs that show one step kind each; their ids by name."""
    agent = api.post("/agents", {"name": "steps", "model": "offline/echo"}).json()
    world, once, asked = (web_server.script(path, _one_more) for path in ("/world", ONCE, ASKED))
    tools = [
        {"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": world}},
        {"name": "once", "type": "api_call", "api_call": {"method": "GET", "url": once}, "at_most_once": True},
        {"name": "asked", "type": "api_call", "api_call": {"method": "GET", "url": asked}, "approval": "always"},
    ]
    found = {}
    for name in names:
        body = {"name": name, "tools": tools, **PROGRAMS[name].workflows}
        answer = api.post(f"/agents/{agent['id']}/tasks", body)
        assert answer.status_code == 201, (name, answer.json())
        found[name] = str(answer.json()["id"])
    return found


def _one_more(request: RecordedRequest) -> Reply:
    return Reply(200, {"n": int(request.query["n"]) + 1})


def start_run(api: ApiClient, task_id: str, input_: dict[str, Any] | None = None) -> str:
    answer = api.post(f"/tasks/{task_id}/executions", {"input": {"n": 1} if input_ is None else input_})
    assert answer.status_code == 201, answer.json()
    return str(answer.json()["id"])


def answer_waits(api: ApiClient) -> None:
    """Answer each open wait; a call of unclear outcome gets the result it would have had, others are agreed to."""
    for branch in Branch.objects.filter(status="awaiting_input"):
        wait = Transition.objects.get(pk=branch.wait_id)
        if isinstance(wait.output, dict) and wait.output.get("type") == "event":
            continue  # by the event alone, which may come at any moment
        value: Any = ANSWER
        if isinstance(wait.output, dict) and wait.output.get("type") == "needs_attention":
            value = {"json": {"n": wait.output["arguments"]["params"]["n"] + 1}}
        elif isinstance(wait.output, dict) and wait.output.get("type") == "tool_approval":
            value = decision_about(wait.output, "approve")
        body = {"status": "running", "input": value, "task_token": task_token(wait.pk)}
        answer = api.put(f"/executions/{branch.execution_id}", body)
        assert answer.status_code == 200, answer.json()


def assert_calls_have_one_key(web_server: WebServer) -> None:
    """However often a call is made, it comes under one key; one that is declared so is made once."""
    keys: dict[str, set[str]] = defaultdict(set)
    for request in web_server.requests:
        keys[request.target].add(request.headers["idempotency-key"])
    assert all(len(found) == 1 for found in keys.values())
    assert sum(map(len, keys.values())) == len(set().union(*keys.values()))
    counts = Counter(request.target for request in web_server.requests)
    assert all(count == 1 for target, count in counts.items() if target.startswith(ONCE))
