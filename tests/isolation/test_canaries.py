"""Two tenants with the same names at once: nothing of one is ever in an answer, row, log or key of the other."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.db import connection

from julep_project.core.database import fetch
from tests.access.tokens import SHARED, claims, shared
from tests.backend import Backend, flush_redis

pytestmark = [pytest.mark.slow, pytest.mark.minutes, pytest.mark.timeout(900)]

OPERATIONS = 10_000
THREADS = 4
_TASK = {
    "name": "echo",
    "main": [
        {"evaluate": {"said": "$ _.said"}},
        {"over": "$ [1, 2, 3]", "map": {"evaluate": {"n": "$ _"}}},
        {"tool": "find", "arguments": {}},
        {"return": {"said": "$ steps[0].output.said"}},
    ],
    "tools": [{"name": "find", "type": "system", "system": {"resource": "agent", "operation": "list"}}],
}


class Customer:
    """Does things at random, and reads every answer for the canary of the other. All customers use the same names."""

    def __init__(self, url: str) -> None:
        self.developer_id = str(uuid4())
        self.canary = f"canary-{uuid4().hex}"
        self.other = ""
        self.done: Counter[str] = Counter()
        key = shared(claims(sub=self.developer_id, exp=int(time.time()) + 3600))
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60)
        self._random = random.Random(1)  # noqa: S311  (which operation comes next)
        self.agent = self._made("/agents", {"name": "Ada", "canonical_name": "ada", "about": self.canary})
        self.user = self._made("/users", {"name": "Bob", "about": self.canary})
        self.task = self._made(f"/agents/{self.agent}/tasks", _TASK)
        self.session = self._made("/sessions", {"agent": self.agent, "user": self.user, "situation": self.canary})

    def kinds(self) -> list[Callable[[], None]]:
        return [
            self._list, self._list, self._write_doc, self._search, self._run, self._follow, self._chat, self._stream,
            self._respond, self._repeat, self._secret, self._render,
        ]  # fmt: skip

    def work(self, operations: int) -> None:
        kinds = self.kinds()
        for _ in range(operations):
            operation = self._random.choice(kinds)
            operation()
            self.done[operation.__name__] += 1

    def _list(self) -> None:
        paths = ["/agents", "/users", "/sessions", "/files", "/projects", "/secrets", "/audit", "/api_keys"]
        paths += [f"/agents/{self.agent}/{kind}" for kind in ("docs", "tasks", "tools", "secrets")]
        paths += [f"/tasks/{self.task}/executions", f"/sessions/{self.session}/history"]
        self._send("GET", self._random.choice(paths))

    def _write_doc(self) -> None:
        self._send("POST", f"/agents/{self.agent}/docs", {"title": uuid4().hex, "content": f"tides {self.canary}"})

    def _search(self) -> None:
        self._send("POST", f"/agents/{self.agent}/search", {"text": "tides", "limit": 10})

    def _run(self) -> None:
        self._made(f"/tasks/{self.task}/executions", {"input": {"said": self.canary}})

    def _follow(self) -> None:
        execution = self._made(f"/tasks/{self.task}/executions", {"input": {"said": self.canary}})
        with self._client.stream("GET", f"/executions/{execution}/transitions.stream") as answer:
            self._look("".join(answer.iter_text()))
        self._send("GET", f"/executions/{execution}")

    def _chat(self) -> None:
        session = self._made("/sessions", {"agent": self.agent, "user": self.user})
        self._send("POST", f"/sessions/{session}/chat", {"messages": [{"role": "user", "content": self.canary}]})

    def _stream(self) -> None:
        session = self._made("/sessions", {"agent": self.agent})
        asked = {"messages": [{"role": "user", "content": self.canary}], "stream": True}
        with self._client.stream("POST", f"/sessions/{session}/chat", json=asked) as answer:
            self._look("".join(answer.iter_text()))

    def _respond(self) -> None:
        self._send("POST", "/responses", {"model": "offline/echo", "input": self.canary})

    def _repeat(self) -> None:
        key = f"same-{self._random.randrange(20)}"
        self._send("POST", "/users", {"name": "Eve", "about": self.canary}, {"Idempotency-Key": key})

    def _secret(self) -> None:
        self._send("POST", "/secrets", {"name": f"KEY_{self._random.randrange(30)}", "value": self.canary})

    def _render(self) -> None:
        self._send("POST", f"/sessions/{self.session}/render", {"messages": [{"role": "user", "content": "hi"}]})

    def _made(self, path: str, body: Any) -> str:
        return str(json.loads(self._send("POST", path, body))["id"])

    def _send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> str:
        answer = self._client.request(method, path, json=body, headers=headers)
        self._look(answer.text)
        assert answer.status_code < 500, answer.text
        return answer.text

    def _look(self, text: str) -> None:
        assert not self.other or self.other not in text, text


@pytest.fixture
def server(transactional_db: None, backend_processes: Backend, tmp_path: Path) -> Iterator[Backend]:
    """An installation of many tenants."""
    backend_processes.stop()
    flush_redis()
    many = {"AGENTS_API_MULTI_TENANT_MODE": "1", "JWT_SHARED_KEY": SHARED, "JWT_CREATE_DEVELOPERS": "1"}
    much = {"MAX_FREE_SESSIONS": "1000000", "MAX_FREE_EXECUTIONS": "1000000", "FREE_TIER_COST_LIMIT": "1000000"}
    started = Backend(tmp_path / "tenants", {**many, **much, "DEFAULT_MODEL": "offline/echo", "DB_POOL": "1"})
    started.start()
    yield started
    started.stop()


def test_no_canary_of_one_is_seen_by_the_other(server: Backend, tmp_path: Path) -> None:
    one, other = customers = [Customer(server.url) for _ in range(2)]
    one.other, other.other = other.canary, one.canary
    share = OPERATIONS // 2 // THREADS
    with ThreadPoolExecutor(2 * THREADS) as pool:
        for done in [pool.submit(each.work, share) for each in customers for _ in range(THREADS)]:
            done.result()

    assert all(len(each.done) == len(set(each.kinds())) for each in customers)
    for customer in customers:
        _assert_rows_are_clean(customer)
    canaries = [one.canary, other.canary]
    server.stop()
    for log in (tmp_path / "tenants").glob("*.log"):
        assert not any(canary in log.read_text() for canary in canaries), log.name
    for name, value in _redis_entries():
        assert not all(canary in name + value for canary in canaries), name


def _assert_rows_are_clean(customer: Customer) -> None:
    """No row of its own has the other's canary, and its own is in some."""
    own = 0
    for model in apps.get_models():
        table = connection.ops.quote_name(model._meta.db_table)
        if any(each.column == "developer_id" for each in model._meta.concrete_fields):
            counted = "SELECT count(*) FILTER (WHERE t::text LIKE %s), count(*) FILTER (WHERE t::text LIKE %s)"
            ((mine, foreign),) = fetch(
                f"{counted} FROM {table} t WHERE developer_id = %s",
                [f"%{customer.canary}%", f"%{customer.other}%", customer.developer_id],
            )
            assert not foreign, model
            own += mine
    assert own


def _redis_entries() -> Iterator[tuple[str, str]]:
    """Every key with all of its value."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for name in client.scan_iter():
        yield name.decode("latin-1"), (client.dump(name) or b"").decode("latin-1")
