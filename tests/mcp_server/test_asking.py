"""Clients of the generation with a handshake that can be asked something while they wait for a call of theirs."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis
from mcp import Client
from mcp.server.mcpserver import Context
from mcp_types import ElicitRequest, ElicitRequestURLParams, ElicitResult, InputRequiredResult

from agents.access.services import create_key
from agents.models import Developer
from julep_project.core.actor import Actor, ActorKind
from julep_project.core.api.auth import Principal
from julep_project.mcp_server import asking
from julep_project.mcp_server.asking import LARGEST_ANSWER, Line, NotAnswered, take_answer
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend
from tests.loopback.mcp_server import McpServer
from tests.mcp_server.conftest import Talk

FORM = {
    "type": "object",
    "properties": {"berth": {"type": "integer", "minimum": 3}},
    "required": ["berth"],
}
CHOOSE = {
    "name": "Choose",
    "canonical_name": "choose",
    "main": [{"wait_for_input": {"info": {"question": "Which berth?", "schema": FORM}}}],
}
SESSION = "mcp-session-id"
HANDSHAKE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"}},
}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "task_ask", "arguments": {}}}


@pytest.fixture(scope="module")
def beside(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Another API process of the installation."""
    started = Backend(tmp_path_factory.mktemp("beside"))
    started.start("api")
    yield started
    started.stop()


def asked(talk: Talk, tool: str, *answers: ElicitResult) -> tuple[Any, list[str]]:
    """What a call gives to a client that answers so, and what it was asked."""
    seen: list[str] = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        seen.append(params.message)
        return answers[len(seen) - 1]

    async def act(client: Client) -> Any:
        return (await client.call_tool(tool, {})).structured_content

    return talk("legacy", act, elicitation_callback=answer), seen


def test_what_a_run_asks_is_asked_of_the_client(talk: Talk, api: ApiClient, agent: str) -> None:
    assert api.post(f"/agents/{agent}/tasks", CHOOSE).status_code == 201
    ended, seen = asked(talk, "task_ask", ElicitResult(action="accept", content={"answer": "seven"}))
    assert (ended["status"], ended["output"], seen) == ("succeeded", "seven", ["How many?"])
    # What the wait does not take is asked once more, with the reason.
    berths = [ElicitResult(action="accept", content={"berth": number}) for number in (1, 5)]
    ended, seen = asked(talk, "task_choose", *berths)
    assert (ended["status"], ended["output"]) == ("succeeded", {"berth": 5})
    assert seen[0] == "Which berth?" and "minimum" in seen[1] and seen[1].endswith("Which berth?")
    # Whoever does not answer now may do so later.
    ended, seen = asked(talk, "task_ask", ElicitResult(action="decline"))
    assert (ended["status"], len(ended["waits"]), len(seen)) == ("awaiting_input", 1, 1)


@pytest.fixture
def harbour(settings: Any) -> Iterator[McpServer]:
    """A server that asks people to open an address, or to fill in a form."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]

    def sign(context: Context[Any, Any]) -> Any:
        url = ElicitRequestURLParams(message="Sign here.", url="https://harbour.example/sign", elicitation_id="1")
        if not context.input_responses:
            return InputRequiredResult(input_requests={"a": ElicitRequest(params=url)}, request_state="s")
        return "signed"

    with McpServer() as server:
        server.replace(sign, structured_output=False)
        yield server


def test_only_what_a_form_can_answer_is_asked_of_the_client(
    talk: Talk, api: ApiClient, agent: str, harbour: McpServer
) -> None:
    mine = {"question": "Really?", "type": "elicitation", "mode": "url"}
    steps = {
        "form": {"tool": "sea__ask", "arguments": {}},
        "url": {"tool": "sea__sign", "arguments": {}},
        "agree": {"tool": "deep__say", "arguments": {"text": "ahoy"}},
        "own": {"wait_for_input": {"info": mine}},
        "large": {"wait_for_input": {"info": {"question": "$ ''.join([str(n ** 5) for n in range(9000)])"}}},
    }
    for name, more in (("sea", {}), ("deep", {"approval": "always"})):
        tool = {"name": name, "type": "mcp", "mcp": {"server": {"url": harbour.http}}, **more}
        assert api.post(f"/agents/{agent}/tools", tool).status_code == 201
    for name, step in steps.items():
        made = api.post(f"/agents/{agent}/tasks", {"name": name, "canonical_name": name, "main": [step]})
        assert made.status_code == 201, made.json()

    ended, seen = asked(talk, "task_form", ElicitResult(action="accept", content={"action": "accept", "berth": 5}))
    assert (ended["output"], seen) == ("a person said accept 5", ["Which berth?"]), ended
    ended, seen = asked(talk, "task_own", ElicitResult(action="accept", content={"answer": "yes"}))
    assert (ended["output"], seen) == ("yes", ["Really?"]), ended
    for name, kind in (("url", "elicitation"), ("agree", "tool_approval"), ("large", None)):
        ended, seen = asked(talk, f"task_{name}", *[ElicitResult(action="accept", content={"answer": "yes"})] * 3)
        assert (ended["status"], seen) == ("awaiting_input", []), name
        (wait,) = ended["waits"]
        assert (wait["asked"] and wait["asked"]["type"]) == kind


class Raw:
    """A client that sends what it likes, to whichever process."""

    def __init__(self, key: str = API_KEY, **headers: str) -> None:
        accept = "application/json, text/event-stream"
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {key}", "Accept": accept, **headers}, trust_env=False, timeout=60
        )

    def begin(self, process: Backend, **capabilities: Any) -> str | None:
        params = {**HANDSHAKE["params"], "capabilities": capabilities}  # type: ignore[dict-item]
        answer = self.http.post(f"{process.url}/mcp", json={**HANDSHAKE, "params": params})
        assert answer.status_code == 200, answer.text
        return answer.headers.get(SESSION)

    def answer(self, process: Backend, number: Any, **said: Any) -> httpx.Response:
        said = said or {"result": {"action": "accept", "content": {"answer": "seven"}}}
        return self.http.post(f"{process.url}/mcp", json={"jsonrpc": "2.0", "id": number, **said})

    @contextmanager
    def calling(self, process: Backend, session: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
        """The messages on the stream of a call."""
        sent = {SESSION: session, **headers}
        with self.http.stream("POST", f"{process.url}/mcp", json=CALL, headers=sent) as answer:
            yield (json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {"))


def output_of(messages: Iterator[dict[str, Any]]) -> Any:
    """The result of the call, which is the last message."""
    *_, last = messages
    return last["result"]["structuredContent"]


def test_any_process_takes_the_answer(backend: Backend, beside: Backend, agent: str) -> None:
    client = Raw()
    session = client.begin(beside, elicitation={})
    assert session
    with client.calling(backend, session) as messages:
        question = next(messages)
        assert question["method"] == "elicitation/create"
        assert client.answer(beside, question["id"]).status_code == 202
        assert output_of(messages)["output"] == "seven"


def test_only_who_was_asked_answers_and_once(backend: Backend, beside: Backend, api: ApiClient, agent: str) -> None:
    stranger = Developer.objects.create(email="stranger@example.com")
    theirs = create_key(developer=stranger, values={"label": "theirs"})[1]
    reader = api.post("/api_keys", {"label": "reader", "scopes": ["read"]}).json()["key"]
    client = Raw()
    session = client.begin(backend, elicitation={"form": {}})
    assert session
    with client.calling(backend, session) as messages:
        number = next(messages)["id"]
        wrong = {"result": {"action": "accept", "content": {"answer": "wrong"}}}
        refused = [
            *(Raw(key).answer(process, number, **wrong) for key in (theirs, reader) for process in (backend, beside)),
            *(client.answer(backend, other, **wrong) for other in ("x" * 32, "x" * 100_000, 1, None, [number])),
        ]
        assert {(each.status_code, each.text) for each in refused} == {(400, refused[0].text)}
        large = {"result": {"action": "accept", "content": {"answer": "x" * LARGEST_ANSWER}}}
        assert client.answer(backend, number, **large).status_code == 413
        # The question is still open.
        assert client.answer(beside, number).status_code == 202
        assert client.answer(backend, number, **wrong).status_code == 400
        assert output_of(messages)["output"] == "seven"
    assert client.answer(backend, number, **wrong).text == refused[0].text


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"code": -1, "message": "no"}},
        {"result": "accept"},
        {"result": {"action": ["accept"]}},
        {"result": {"action": "accept", "content": {"answer": "x" * 1000}}, "error": {}},
        {"result": {}},
    ],
)
def test_what_is_no_answer_leaves_the_run_waiting(backend: Backend, agent: str, said: dict[str, Any]) -> None:
    client = Raw()
    session = client.begin(backend, elicitation={})
    assert session
    with client.calling(backend, session) as messages:
        assert client.answer(backend, next(messages)["id"], **said).status_code == 202
        ended = output_of(messages)
    assert ended["status"] == ("succeeded" if "content" in str(said) else "awaiting_input")


def test_who_cannot_be_asked_is_not(backend: Backend, agent: str) -> None:
    client = Raw()
    assert client.begin(backend) is None
    assert client.begin(backend, roots={}, elicitation={"url": {}}) is None
    sampling, forms = client.begin(backend, sampling={}), client.begin(backend, elicitation={})
    assert sampling and forms
    for headers in ({}, {SESSION: sampling}):
        answer = client.http.post(f"{backend.url}/mcp", json=CALL, headers=headers)
        assert "awaiting_input" in answer.text and "elicitation" not in answer.text
    stranger = Developer.objects.create(email="stranger@example.com")
    theirs = Raw(create_key(developer=stranger, values={"label": "theirs"})[1]).begin(backend, elicitation={})
    for unknown in (str(theirs), forms[:-1] + "-", "x", "x" * 4000, ""):
        refused = client.http.post(f"{backend.url}/mcp", json=CALL, headers={SESSION: unknown})
        assert (refused.status_code, refused.json()["error"]["message"]) == (404, "There is no such session")


# -- one question ---------------------------------------------------------------------------------------------------


def line(said: list[Any]) -> tuple[Principal, Line]:
    developer: Any = Developer(email="one@example.com")
    principal = Principal(developer, Actor(ActorKind.KEY, "k"))

    async def say(message: Any) -> None:
        said.append(message)

    return principal, Line(principal, frozenset({"sampling"}), say)


def ask(of: Line, seconds: float = 0.0) -> Any:
    return asyncio.run(of.ask("sampling/createMessage", {}, seconds=seconds))


def test_a_late_answer_is_refused(backend: Backend) -> None:
    said: list[Any] = []
    principal, one = line(said)
    with pytest.raises(NotAnswered, match="in time"):
        ask(one)
    asked_, over = said
    assert (over["method"], over["params"]["requestId"]) == ("notifications/cancelled", asked_["id"])
    assert not take_answer(principal, asked_["id"], b'{"result": {}}')


def test_only_so_much_is_asked_and_nothing_that_the_client_cannot(backend: Backend) -> None:
    said: list[Any] = []
    _, one = line(said)
    with pytest.raises(NotAnswered, match="cannot be asked"):
        asyncio.run(one.ask("elicitation/create", {}, seconds=60))
    for reason in ["in time"] * 20 + ["no more"]:
        with pytest.raises(NotAnswered, match=reason):
            ask(one)
    assert len({message["id"] for message in said if "id" in message}) == 20


def test_nobody_is_asked_while_answers_cannot_be_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(asking, "redis_client", away)
    said: list[Any] = []
    with pytest.raises(NotAnswered, match="carried"):
        ask(line(said)[1], seconds=60)
    assert said == []


def test_what_redis_forgets_is_not_waited_for(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_open", lambda name, seconds: None)
    with pytest.raises(NotAnswered, match="lost"):
        ask(line([])[1], seconds=60)
