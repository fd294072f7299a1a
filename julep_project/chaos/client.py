"""A client of a private installation that tries again, and remembers what it was promised."""

import http.client
import json
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from julep_project.chaos.checker import Promises
from julep_project.chaos.scenarios import ANSWER, EVENT, WORLD_ADDS, Scenario
from julep_project.chaos.shared import MODEL, Shared, make_shared, task_body
from julep_project.chaos.world import TOLD, World
from julep_project.devservices.home import Home
from julep_project.devservices.loopback import RecordedRequest

_REQUEST_S = 5
_WAITING = """
    SELECT t.execution_id::text, t.id::text, t.output
    FROM executions_branch b JOIN executions_transition t ON t.id = b.wait_id WHERE b.status = 'awaiting_input'
"""
# What is on its way to the webhook counts like a run.
_PROGRESS = """
    SELECT count(*) FILTER (WHERE status NOT IN ('succeeded', 'failed', 'cancelled'))
           + (SELECT count(*) FROM webhooks_delivery WHERE state IN ('pending', 'waiting'))
           + (SELECT count(*) FROM schedules_schedule WHERE state = 'active')
           + (SELECT count(*) FROM schedules_occurrence WHERE NOT is_settled),
           coalesce(sum(transition_count), 0) + (SELECT coalesce(sum(tries), 0) FROM webhooks_delivery)
           + (SELECT count(*) FROM schedules_occurrence)
    FROM executions_execution
"""
_UNDER_WAY = """
    SELECT id::text, task_id::text, transition_count FROM executions_execution
    WHERE task_id = ANY(%s::uuid[]) AND status NOT IN ('succeeded', 'failed', 'cancelled')
"""


def answer_to(shown: Any) -> Any:
    """What a wait that shows this is answered: a number, or what the call it shows gives or would have given."""
    match shown:
        case {"type": "needs_attention", "arguments": arguments}:
            return {"json": {"n": arguments["params"]["n"] + WORLD_ADDS}}
        case {"type": "function", "function": {"arguments": arguments}}:
            return {"n": arguments["n"] + WORLD_ADDS}
    return {"n": ANSWER}


def event_for(shown: Any) -> dict[str, Any] | None:
    """The event that a wait which shows this stands for, if it is for a client to record it."""
    match shown:
        case {"type": "event", "name": name, "match": {"call": call}} if name == EVENT:
            return {"name": EVENT, "data": {"call": call, "n": ANSWER}, "key": call}
    return None


class Client:
    """Uses the API; looks into Postgres for what an answer did not tell."""

    def __init__(self, home: Home, world: World) -> None:
        # The addresses stay as they are when processes are started again.
        self._note = home.read_note()
        self._world = world
        self._users: dict[str, str] = {}
        self.promises = Promises()

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._note["database_url"], connect_timeout=5)

    def prepare(self, called: Scenario) -> Shared:
        """Make what all programs use, and have the world told of all runs."""
        self._send("POST", "/webhooks", {"url": self._world.url + TOLD, "events": ["execution.*"]})
        return make_shared(self._send, self._world, called)

    def create(self, program: Scenario, shared: Shared) -> str:
        agent = self._send("POST", "/agents", {"name": program.name, "model": MODEL})
        body = task_body(program, self._world, shared)
        task_id = str(self._send("POST", f"/agents/{agent['id']}/tasks", body)["id"])
        if program.signs_in:
            self._users[task_id] = str(self._send("POST", "/users", {"name": program.name})["id"])
        return task_id

    def schedule(self, task_id: str, program: Scenario, harm_s: float) -> None:
        """Have the program's runs begin at times that lie in the harm."""
        begin = datetime.now(UTC) + timedelta(seconds=2)
        times = [begin + timedelta(seconds=(place + 1) * harm_s / program.fires) for place in range(program.fires)]
        body = {
            "name": program.name,
            "calendar": [time.isoformat(timespec="seconds") for time in times],
            "overlap": program.overlap,
            "catch_up": "all",
            "max_failures": 0,
        }
        self._send("POST", f"/tasks/{task_id}/schedules", body)

    def start(self, task_id: str) -> bool:
        """Start a run. False: there was no answer; it may run all the same."""
        metadata = {"user_id": self._users[task_id]} if task_id in self._users else {}
        answer = self._try("POST", f"/tasks/{task_id}/executions", {"input": {}, "metadata": metadata})
        if answer is None:
            return False
        self.promises.accepted.add(str(answer["id"]))
        return True

    def cancel_due(self, tasks: Mapping[str, Scenario]) -> None:
        """Cancel the runs that somebody wants to cancel by now."""
        unwanted = [task_id for task_id, program in tasks.items() if program.cancel_after]
        for execution_id, task_id, rows in self._rows(_UNDER_WAY, [unwanted]):
            is_due = rows >= tasks[task_id].cancel_after
            if is_due and self._try("PUT", f"/executions/{execution_id}", {"status": "cancelled"}) is not None:
                self.promises.cancelled.add(execution_id)

    def answer_waits(self) -> None:
        tokens: dict[str, str] = {}
        links: set[str] = set()
        for execution_id, wait_id, shown in self._rows(_WAITING, []):
            if isinstance(shown, dict) and shown.get("type") == "connection":
                links.add(shown["url"])
                continue
            if isinstance(shown, dict) and shown.get("type") == "event":
                event = event_for(shown)
                # Once for its key, however often it is asked for, and whether there was an answer or not.
                if event is not None:
                    self._try("POST", "/events", event)
                continue
            if wait_id not in tokens:
                tokens |= self._tokens(execution_id)
            if wait_id in tokens:
                body = {"status": "running", "input": answer_to(shown), "task_token": tokens[wait_id]}
                self._try("PUT", f"/executions/{execution_id}", body)
        for url in links:
            with suppress(OSError, http.client.HTTPException):
                self._sign_in(url)

    def _sign_in(self, url: str) -> None:
        """As a browser does; where that is broken off, the link is good once more."""
        begun = self._browse("POST", urlsplit(url).path)
        to, cookie = begun.getheader("Location"), begun.getheader("Set-Cookie")
        if to is None or cookie is None:
            return
        path = urlsplit(RecordedRequest("GET", to, {}, b"").query["redirect_uri"]).path
        query = urlencode(self._world.sign_in(to))
        self._browse("GET", f"{path}?{query}", {"Cookie": cookie.partition(";")[0]})

    def _browse(self, method: str, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
        """The answer to a page, which may lead elsewhere."""
        with closing(http.client.HTTPConnection(urlsplit(self._note["url"]).netloc, timeout=_REQUEST_S)) as connection:
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            answer.read()
            return answer

    def progress(self) -> tuple[int, int] | None:
        """Runs, deliveries and times of schedules that have not ended, and how far all are; None when the database does
        not answer."""
        rows = self._rows(_PROGRESS, [])
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def _rows(self, sql: str, parameters: list[Any]) -> list[Any]:
        with suppress(psycopg.Error), self.connect() as connection:
            return connection.execute(sql, parameters).fetchall()
        return []

    def _tokens(self, execution_id: str) -> dict[str, str]:
        """Task tokens of the waits in the log of a run."""
        page = self._try("GET", f"/executions/{execution_id}/transitions?limit=1000&direction=desc")
        rows = page["items"] if page is not None else []
        return {str(row["id"]): str(row["metadata"]["task_token"]) for row in rows if "task_token" in row["metadata"]}

    def _try(self, method: str, path: str, body: Any = None) -> Any | None:
        try:
            return self._send(method, path, body)
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310  (our own server)
            self._note["url"] + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._note['api_key']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:  # noqa: S310  (our own server)
            return json.load(answer)
