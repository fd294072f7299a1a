"""Chats whose tools ask people something once they are called: the chat ends with the question, and the next one makes
the same call again with the answer."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from mcp.server.mcpserver import Context
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from pydantic import BaseModel, Field

from agents.audit.models import AuditRecord
from agents.llm.own.scripted import scripted_model
from agents.mcp.models import McpServer as ServerRow
from agents.models import Developer, Tool
from julep_project.core.errors import ModelUnavailable
from sessions.chat.chat import ChatCall, answer_chat
from sessions.context.chat_request import ChatRequest
from sessions.models import PendingRound
from tests.chat.approvals.test_decisions import decisions
from tests.chat.conftest import Talk
from tests.chat.tools.test_calls import calls
from tests.loopback.mcp_server import McpServer

STATELESS, STATEFUL = "2026-07-28", "2025-11-25"
MOOR, SAY = ("c1", "sea__moor", {"ship": "Ida"}), ("c2", "sea__say", {"text": "ahoy"})


class Nights(BaseModel):
    """How long a ship stays."""

    nights: int = Field(ge=1)


@pytest.fixture
def keys() -> list[str]:
    """The keys that calls of `moor` came with."""
    return []


@pytest.fixture
def server(settings: Any, keys: list[str]) -> Iterator[McpServer]:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]

    async def moor(ship: str, context: Context[Any, Any]) -> Any:
        keys.append(dict(context.request_context.meta or {})["julep/idempotency-key"])
        if context.protocol_version != STATELESS:
            said = [await context.elicit(question, Nights) for question in ("For how long?", "And then?")]
            return " and ".join(f"{ship} {each.data.nights}" for each in said if each.action == "accept")
        form = ElicitRequestFormParams(message="For how long?", requested_schema=Nights.model_json_schema())
        if not context.input_responses:
            asked = {name: ElicitRequest(params=form) for name in ("one", "two")}
            return InputRequiredResult(input_requests=asked, request_state=f"mooring {ship}")
        said = [f"{each.action} {each.content}" for each in context.input_responses.values()]
        return f"{context.request_state}: {' and '.join(said)}"

    with McpServer() as server:
        server.replace(moor, structured_output=False)
        yield server


@pytest.fixture
def begin(talk: Talk, server: McpServer) -> Callable[..., tuple[str, dict[str, Any]]]:
    """`begin(call, ...)`: a session, and the answer of a chat in which these calls are made."""

    def start(
        *made: Any, protocol: str = STATELESS, body: Any = None, mcp: Any = None, **tool: Any
    ) -> tuple[str, dict[str, Any]]:
        agent = talk.agent()
        talk.tool(agent, name="sea", type="mcp", mcp={"server": {"url": server.http}, **(mcp or {})}, **tool)
        ServerRow.objects.update(protocol=protocol)
        session = talk.session(agent, auto_run_tools=True)
        with scripted_model([calls(*made), "Alas."]):
            return session, talk.ask(session, "Moor her", **(body or {}))

    return start


def answered(answer: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
    return [{**decided, "answer": given} for decided in decisions(answer, "approve")]


def refused(talk: Talk, session: str, approvals: Any) -> tuple[int, str]:
    with scripted_model([]):
        response = talk.chat(session, approvals=approvals)
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("protocol", "result"),
    [
        (STATELESS, "mooring Ida: accept {'nights': 2} and accept {'nights': 3}"),
        (STATEFUL, "Ida 2 and Ida 3"),
    ],
)
def test_a_chat_ends_with_the_question_and_goes_on_with_the_answer(
    talk: Talk, begin: Any, keys: list[str], protocol: str, result: str, stream: bool
) -> None:
    session, asked = begin(MOOR, SAY, protocol=protocol)

    assert asked["choices"][0]["finish_reason"] == "requires_action"
    (question,) = asked["requires_action"]
    told = {name: question[name] for name in ("type", "mode", "message", "tool", "tool_call_id", "needs_approval")}
    assert told == {
        "type": "elicitation",
        "mode": "form",
        "message": "For how long?",
        "tool": "sea__moor",
        "tool_call_id": "c1",
        "needs_approval": False,
    }
    assert set(question["schema"]["properties"]) == {"action", "nights"}
    assert "mooring" not in str(asked)
    assert talk.api.get(f"/sessions/{session}/history").json()["requires_action"] == [question]
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "tool"]

    with scripted_model([]):
        again = talk.ask(session, approvals=answered(asked, action="accept", nights=2))
    assert again["choices"][0]["finish_reason"] == "requires_action"
    assert again["requires_action"][0]["id"] != question["id"]
    with scripted_model(["Moored."]) as model:
        approvals = answered(again, action="accept", nights=3)
        if stream:
            assert talk.listen(session, approvals=approvals)[-1]["choices"][0]["finish_reason"] == "stop"
        else:
            assert talk.ask(session, approvals=approvals)["choices"][0]["message"]["content"] == "Moored."

    results = {each["tool_call_id"]: each["content"] for each in model.requests[0].messages if each["role"] == "tool"}
    assert results == {"c1": result, "c2": "ahoy"}
    assert len(set(keys)) == 1 and len(keys) >= 2, keys
    assert [role for role, _ in talk.said(session)] == ["user", "assistant", "tool", "tool", "assistant"]
    assert "nights" not in str(list(AuditRecord.objects.values("after")))
    assert not PendingRound.objects.exists()


def test_a_call_that_waits_keeps_its_key_when_another_is_known(
    talk: Talk, begin: Any, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, asked = begin(SAY, MOOR, approval="always")
    approvals = decisions(asked, "approve", "approve")
    # The chat is lost when what the calls gave is kept, and nothing else.
    with monkeypatch.context() as patched, scripted_model([]):
        patched.setattr("sessions.chat.chat.keep_pending", _lost)
        assert talk.chat(session, approvals=approvals).status_code == 502
    with scripted_model([]):
        assert talk.ask(session, approvals=approvals)["requires_action"][0]["type"] == "elicitation"
    assert len(keys) == 2 and len(set(keys)) == 1


def _lost(*_: Any, **__: Any) -> None:
    raise ModelUnavailable("away")


def test_what_people_may_say(talk: Talk, begin: Any, keys: list[str]) -> None:
    session, asked = begin(MOOR)
    nothing_said = decisions(asked, "approve")
    for wrong in (
        nothing_said,
        answered(asked),
        answered(asked, action="accept"),
        answered(asked, action="accept", nights=0),
        answered(asked, action="accept", nights=1, pay=1),
        answered(asked, action="accept", nights=1, **{"x" * 70_000: 1}),
        [{**decisions(asked, "deny")[0], "answer": {"action": "decline"}}],
    ):
        status, _ = refused(talk, session, wrong)
        assert status in (400, 422), wrong
    assert refused(talk, session, [{**answered(asked, action="cancel")[0], "hash": "0" * 64}])[0] == 409
    assert refused(talk, session, [{**answered(asked, action="cancel")[0], "id": str(uuid4())}])[0] == 409
    assert len(keys) == 1

    with scripted_model([]):
        again = talk.ask(session, approvals=answered(asked, action="decline"))
    assert again["choices"][0]["finish_reason"] == "requires_action"
    with scripted_model(["Well."]) as model:
        talk.ask(session, approvals=decisions(again, "deny", reason="no more"))
    assert "no more" in str(model.requests[0].messages[-1]["content"])
    assert len(keys) == 1


def test_nobody_else_answers(talk: Talk, begin: Any, stranger: Developer) -> None:
    session, asked = begin(MOOR)
    other, _ = begin(MOOR)
    approvals = answered(asked, action="accept", nights=2)
    assert refused(talk, other, approvals) == (409, "approval_over")

    request = ChatRequest.read({"approvals": approvals})
    with scripted_model([]), pytest.raises(Exception, match="not found"):
        asyncio.run(answer_chat(ChatCall(stranger, session, request)))
    assert PendingRound.objects.get(session=session).decided is None


def test_an_answer_is_for_the_side_that_asked(talk: Talk, begin: Any, keys: list[str]) -> None:
    session, asked = begin(MOOR)
    tool = Tool.objects.get()
    spec = {"server": {**tool.spec["server"], "headers": {"A": "b"}}}
    changed = talk.api.put(f"/agents/{tool.agent_id}/tools/{tool.pk}", {"name": "sea", "type": "mcp", "mcp": spec})
    assert changed.status_code == 200, changed.json()
    assert refused(talk, session, answered(asked, action="accept", nights=2)) == (409, "approval_changed")
    assert len(keys) == 1


def test_a_call_that_was_agreed_to_asks_as_well(talk: Talk, begin: Any, keys: list[str]) -> None:
    session, asked = begin(MOOR, approval="always")
    assert "type" not in asked["requires_action"][0] and not keys
    with scripted_model([]):
        asked = talk.ask(session, approvals=decisions(asked, "approve"))
    assert asked["requires_action"][0]["type"] == "elicitation"
    with scripted_model([]):
        asked = talk.ask(session, approvals=answered(asked, action="accept", nights=2))
    with scripted_model(["Moored."]):
        ended = talk.ask(session, approvals=answered(asked, action="accept", nights=2))
    assert ended["choices"][0]["message"]["content"] == "Moored."
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    ("body", "tool"), [({"save": False}, {}), (None, {"mcp": {"elicitation": "decline"}})], ids=["unsaved", "declined"]
)
def test_nobody_is_asked_where_nobody_can_answer(begin: Any, body: Any, tool: Any) -> None:
    _, answer = begin(("c1", "sea__ask", {}), body=body, **tool)
    assert answer["choices"][0]["message"]["content"] == "Alas."
    assert "requires_action" not in answer
