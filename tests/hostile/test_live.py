"""Everything hostile at once, at a live installation: each request gets an answer, and nothing ends or grows."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from julep_project.bench.processes import resident_mib
from tests.api_client import API_KEY
from tests.backend import Backend, flush_redis, wait_for_end, wait_until
from tests.expressions.hostile import EXPRESSIONS, REFUSED, TEMPLATES
from tests.hostile import texts
from tests.hostile.test_schemas import EACH_OTHER, LOOP
from tests.loopback.model_server import ModelServer, Streamed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.minutes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900),
]

_ANSWER_S = 60
_SETTLED_S = 90
_GROWTH = 1.3
_LARGEST_TASK = 1_000_000
# Of processor time, of the server and all it starts: how long an answer takes depends on what else the machine does.
_REFUSED_S = 2.5
_MAIN = [{"evaluate": {"n": "$ 1"}}]


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """One of its own: not every answer is fetched."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def target(
    backend_processes: Backend, models: ModelServer, transactional_db: None, tmp_path: Path
) -> Iterator[Backend]:
    """Processes of its own, so that their memory is that of nothing else."""
    backend_processes.stop()
    flush_redis()
    reaching = {"OPENAI_API_BASE": models.api_base, "OPENAI_API_KEY": "sk-loopback-key"}
    started = Backend(tmp_path / "target", {**reaching, "DEFAULT_MODEL": "offline/echo"})
    started.start()
    yield started
    started.stop()


class Attack:
    """A client of the installation with an agent, and a look at what its processes are."""

    def __init__(self, target: Backend) -> None:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        self.target = target
        self.client = httpx.Client(base_url=target.url, headers=headers, timeout=_ANSWER_S)
        self.refused_s: dict[str, float] = {}
        self.agent = self.created("/agents", {"name": "Ada"})

    def created(self, path: str, body: Any) -> str:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def session(self, **agent: Any) -> str:
        owner = self.created("/agents", {"name": "Ada", **agent}) if agent else self.agent
        return self.created("/sessions", {"agent": owner})

    def send(self, path: str, content: str | bytes, kind: str = "application/json") -> httpx.Response:
        """An answer that is not ours to blame for, with an error's body if it is one."""
        answer = self.client.post(path, content=content, headers={"Content-Type": kind})
        assert answer.status_code != 500 and answer.status_code < 504, (path, content[:80], answer.text[:500])
        if answer.status_code >= 400:
            assert "error" in answer.json()
        return answer

    def refused(self, name: str, path: str, content: str | bytes, kind: str = "application/json") -> None:
        """Send a body that is too much, and note what the answer cost that says so."""
        began = self.spent_s()
        answer = self.send(path, content, kind)
        self.refused_s[f"{name} to {path}"] = self.spent_s() - began
        assert 400 <= answer.status_code < 500, (name, path, answer.text[:500])

    def spent_s(self) -> float:
        """Processor time that the server has used."""
        return _spent_s(self.target.pids["api"])

    def run(self, main: list[Any], input_: Any) -> str | None:
        """The end of a run, or None when its task is refused."""
        answer = self.send(f"/agents/{self.agent}/tasks", json.dumps({"name": "t", "main": main}))
        if answer.status_code != 201:
            return None
        run = self.created(f"/tasks/{answer.json()['id']}/executions", {"input": input_})
        return str(wait_for_end(run, self.target).status)

    def chat(self, session: str, message: str, **options: Any) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": message}], "recall": False, **options}
        return self.send(f"/sessions/{session}/chat", json.dumps(body))


@pytest.fixture
def attack(target: Backend) -> Iterator[Attack]:
    opened = Attack(target)
    yield opened
    opened.client.close()


def json_bodies(attack: Attack) -> None:
    paths = ("/agents", f"/agents/{attack.agent}/docs", f"/sessions/{attack.session()}/chat", "/responses")
    for name, make in texts.JSON.items():
        text = make().encode()
        for path in paths:
            attack.refused(f"JSON, {name}", path, text)
    attack.refused("JSON, as large as may be", "/agents", b"[" + b"[]," * 5_500_000 + b"[]]")


def yaml_bodies(attack: Attack) -> None:
    for name, make in texts.YAML.items():
        text = make()[:_LARGEST_TASK].encode()
        attack.refused(f"YAML, {name}", f"/agents/{attack.agent}/tasks", text, "application/yaml")


def schemas(attack: Attack) -> None:
    for schema in (LOOP, EACH_OTHER):
        format_ = {"type": "json_schema", "name": "a", "schema": schema}
        body = {"model": "offline/echo", "input": "hello", "text": {"format": format_}}
        assert attack.send("/responses", json.dumps(body)).status_code < 500
        task = {"name": "t", "input_schema": schema, "main": _MAIN}
        assert attack.send(f"/agents/{attack.agent}/tasks", json.dumps(task)).status_code == 400


def expressions(attack: Attack) -> None:
    session = attack.session(default_system_template="")
    for source in [*EXPRESSIONS, *REFUSED]:
        assert attack.run([{"evaluate": {"x": f"$ {source}"}}], {"n": 1}) in (None, "failed", "succeeded")
        attack.chat(session, f"{{{{ {source} }}}}")
    for template in TEMPLATES:
        attack.chat(session, template)


def replies(attack: Attack, models: ModelServer) -> None:
    """What a model may answer: prose in many pieces where JSON is wanted, and a call with deep arguments."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    body = {
        "model": "openai/loopback",
        "input": "hello",
        "stream": True,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}},
    }
    models.script(Streamed(*["word "] * 40_000))
    with attack.client.stream("POST", "/responses", json=body) as answer:
        assert answer.status_code == 200
        for _ in answer.iter_bytes():
            pass
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "[" * 100_000}}
    models.script({"tool_calls": [call]}, "done")
    attack.chat(attack.session(model="openai/loopback"), "hello")


def works(attack: Attack) -> None:
    """What everybody else wants of it."""
    assert attack.run(_MAIN, {}) == "succeeded"
    assert attack.chat(attack.session(), "hello").status_code == 201


class Watch(Thread):
    """Asks the server all the time whether it lives."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._over = Event()
        self.answers: list[int] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=_ANSWER_S) as client:
            while not self._over.wait(0.05):
                self.answers.append(client.get("/livez").status_code)

    def stop(self) -> None:
        self._over.set()
        self.join(_ANSWER_S)


def processes(target: Backend) -> dict[str, set[int]]:
    """The process ids of each part; those that only evaluate templates come and go."""
    return {name: set(_family(pid)) for name, pid in target.pids.items() if name != "beat"}


def _spent_s(pid: int) -> float:
    """Processor time of a process and all below it, also of what has ended there."""
    spent = 0.0
    with suppress(FileNotFoundError, ProcessLookupError):  # it ends just now, and counts as ended above
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        children = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
        spent = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        spent += sum(_spent_s(int(child)) for child in " ".join(children).split())
    return spent


def _family(pid: int) -> Iterator[int]:
    if "tasks.expressions.apart.evaluator" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
        return
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def memory(target: Backend) -> dict[str, float]:
    return {name: resident_mib(pid) for name, pid in target.pids.items() if name != "beat"}


def test_a_live_installation_outlasts_it_all(attack: Attack, models: ModelServer) -> None:
    target = attack.target
    # What is only needed once it is needed: libraries, connections, evaluating processes.
    works(attack)
    attack.chat(attack.session(), "{{ [1, 2] | map('string') | join }} {{ range(9) | list | length }}")
    replies(attack, models)
    before, known = memory(target), processes(target)
    watch = Watch(target.url)
    watch.start()

    for hostile in (json_bodies, yaml_bodies, schemas, expressions):
        hostile(attack)
    replies(attack, models)

    watch.stop()
    slowest = sorted(attack.refused_s.items(), key=lambda taken: taken[1], reverse=True)
    print("slowest refusals:", *(f"{seconds * 1000:.0f} ms {name}" for name, seconds in slowest[:5]), sep="\n  ")
    assert slowest[0][1] < _REFUSED_S
    works(attack)
    assert set(watch.answers) == {200}
    assert processes(target) == known, target.output()

    def settled() -> bool:
        return all(held < _GROWTH * before[name] for name, held in memory(target).items())

    wait_until(settled, _SETTLED_S, target, pause_s=0.5)
