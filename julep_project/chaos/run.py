"""One chaos run: submit, do harm, let it settle, check."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg

from julep_project.chaos.checker import check
from julep_project.chaos.installation import Private, private_installation
from julep_project.chaos.nemesis import Nemesis
from julep_project.chaos.programs import ANSWER, Program, make_programs
from julep_project.chaos.world import World

# Everything must have ended this long after the last act of harm.
SETTLE_S = 90.0
_POLL_S = 0.2
_REQUEST_S = 5
_WAITING = "SELECT DISTINCT execution_id FROM executions_branch WHERE status = 'awaiting_input'"
_OPEN = "SELECT count(*) FROM executions_execution WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What was done and what was found; `seconds` is how long runs took to settle after the harm."""

    programs: int
    acts: int
    calls: int
    seconds: float
    findings: Sequence[str]


def run_chaos(*, seed: int, programs: int, harm_s: float, freeze_s: float, say: Say) -> Outcome:
    """Run so many random programs under `harm_s` seconds of harm; the same seed makes the same programs and acts.

    Raises:
        NotStarted: the private installation did not come up.
    """
    made = make_programs(seed, programs)
    with World(Random(seed)) as world, private_installation() as installation:
        nemesis = Nemesis(installation, Random(seed), freeze_s=freeze_s, say=say)
        client = _Client(installation)
        tasks = {client.create(program, world.url): program for program in made}
        nemesis.start()
        try:
            _submit_and_answer(client, list(tasks), time.monotonic() + harm_s)
        finally:
            nemesis.stop()
        say("the harm is over")
        settled_s = _settle(client, time.monotonic())
        with client.connect() as connection:
            findings = check(connection, tasks, world.keys_by_call())
        return Outcome(programs, nemesis.acts, len(world.requests), settled_s, findings)


def _submit_and_answer(client: "_Client", tasks: list[str], deadline: float) -> None:
    """Start the runs spread over the first half of the time; answer whoever waits for input all the while."""
    gap_s = (deadline - time.monotonic()) / 2 / max(1, len(tasks))
    waiting = list(reversed(tasks))
    while time.monotonic() < deadline or waiting:
        if waiting and client.start(waiting[-1]):
            waiting.pop()
        client.answer_waits()
        time.sleep(gap_s if waiting else _POLL_S)


def _settle(client: "_Client", began: float) -> float:
    """Wait until every run has ended, or the time for it is over."""
    while time.monotonic() < began + SETTLE_S and client.count_open() != 0:
        client.answer_waits()
        time.sleep(_POLL_S)
    return time.monotonic() - began


class _Client:
    """Uses the API as a client that tries again; looks into Postgres for what an answer did not tell."""

    def __init__(self, installation: Private) -> None:
        # The addresses stay as they are when processes are started again.
        self._note = installation.note

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection to the truth."""
        return psycopg.connect(self._note["database_url"], connect_timeout=5)

    def create(self, program: Program, world_url: str) -> str:
        """Make the program's task; its id."""
        agent = self._send("POST", "/agents", {"name": program.name})
        tools = [{"name": "world", "type": "api_call", "api_call": {"method": "GET", "url": f"{world_url}/"}}]
        task = {"name": program.name, "tools": tools, "main": program.main}
        return str(self._send("POST", f"/agents/{agent['id']}/tasks", task)["id"])

    def start(self, task_id: str) -> bool:
        """Start a run. False: there was no answer; it may run all the same."""
        return self._try("POST", f"/tasks/{task_id}/executions", {"input": {}})

    def answer_waits(self) -> None:
        """Answer every run that waits for a person."""
        with suppress(psycopg.Error):
            with self.connect() as connection:
                waiting = [str(row[0]) for row in connection.execute(_WAITING).fetchall()]
            for execution_id in waiting:
                self._try("PUT", f"/executions/{execution_id}", {"status": "running", "input": {"n": ANSWER}})

    def count_open(self) -> int | None:
        """Runs that have not ended; None when the database does not answer."""
        with suppress(psycopg.Error), self.connect() as connection:
            row = connection.execute(_OPEN).fetchone()
            return int(row[0]) if row else None
        return None

    def _try(self, method: str, path: str, body: Any) -> bool:
        try:
            self._send(method, path, body)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return True

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310  (our own server)
            self._note["url"] + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._note['api_key']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_REQUEST_S) as answer:  # noqa: S310  (our own server)
            return json.load(answer)
