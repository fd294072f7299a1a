"""The demo: a real task, on real services, followed over HTTP from its first step to its delivery."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.llm.choice import resolve_model
from julep_project.core.reading.yaml_loader import load_yaml
from julep_project.devservices.demo_web import DemoWeb

_TIMEOUT_S = 120
_TASK = Path("docs") / "examples" / "research.yaml"


class DemoFailed(Exception):
    """The demo did not do what it is there to show."""


@dataclass(frozen=True)
class Api:
    """A client of the running server, with nothing but the standard library."""

    url: str
    key: str

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the decoded answer.

        Raises:
            DemoFailed: the server refuses it.
        """
        with self._open(method, path, body) as answer:
            return json.load(answer)

    def events(self, path: str) -> Iterator[Any]:
        """The events of a stream, as they arrive, until the server closes it."""
        with self._open("GET", path, None) as answer:
            for line in answer:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    def _open(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            raise DemoFailed(f"{method} {path} answered {error.code}: {error.read().decode()}") from None


def run_demo(api: Api, root: Path, topic: str, model: str, say: Callable[[str], object]) -> None:
    """Create agent and task, start it, print its log as it grows, and check what was delivered.

    Raises:
        DemoFailed: the run did not succeed, or the webhook did not get the summary.
    """
    with DemoWeb(root / "docs") as web:
        say(f"Model: {model or resolve_model(None)}")
        say(f"Search and webhook listen on {web.url}; the search reads the files under docs/")
        agent = api.send("POST", "/agents", {"name": "Researcher", "about": "Finds things out.", "model": model})
        task = api.send("POST", f"/agents/{agent['id']}/tasks", load_task(root, web.url))
        execution = api.send("POST", f"/tasks/{task['id']}/executions", {"input": {"topic": topic}})
        say(f"Execution {execution['id']} of task {task['name']!r}, topic {topic!r}\n")
        _follow(api, execution["id"], say)
        finished = api.send("GET", f"/executions/{execution['id']}")
        _check(finished, web)
        summary = web.deliveries[-1].json()["summary"]
        say(f"\nDelivered to the webhook after {finished['output']['searches']} searches:\n\n{summary}\n")


def load_task(root: Path, web_url: str) -> Any:
    """The demo's task, its two tools pointed at a web server with `/search` and `/webhook`."""
    definition = load_yaml((root / _TASK).read_bytes())
    for tool in definition["tools"]:
        call = tool["api_call"]
        call["url"] = web_url + "/" + call["url"].rpartition("/")[2]
    return definition


def _follow(api: Api, execution_id: str, say: Callable[[str], object]) -> None:
    """A line per transition: time since the start, time since the one before, what happened."""
    started = previous = None
    for event in api.events(f"/executions/{execution_id}/transitions.stream"):
        transition = event["transition"]
        at = datetime.fromisoformat(transition["created_at"])
        started = started or at
        since = (at - (previous or at)).total_seconds()
        previous = at
        place = transition["current"]
        what = transition["step_label"] or f"{place['workflow']}[{place['step']}]"
        say(f"{(at - started).total_seconds():8.3f} s  +{since:6.3f}  {transition['type']:<13}  {what}")


def _check(execution: Any, web: DemoWeb) -> None:
    if execution["status"] != "succeeded":
        raise DemoFailed(f"the execution is {execution['status']}: {execution['error']}")
    delivered = [delivery.json() for delivery in web.deliveries]
    if not any(delivery.get("summary") == execution["output"]["summary"] for delivery in delivered):
        raise DemoFailed("the webhook did not receive the summary")
