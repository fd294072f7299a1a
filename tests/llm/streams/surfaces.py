"""What is made of an answer by each of those who ask models."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.test import AsyncClient

from agents.llm import gateway
from agents.llm.dialogue import CUT_SHORT
from agents.models import Developer
from julep_project.core.errors import DomainError
from sessions.models import Entry
from tasks.steps.outcomes import Done, EffectSucceeded
from tests import described
from tests.api_client import API_KEY
from tests.chat.conftest import Talk, messages
from tests.language.context import PlainContext
from tests.language.programs import step
from tests.llm.streams.recording import FUNCTIONS, Recording, Result
from tests.responses.conftest import ResponsesClient, text_of

Body = Mapping[str, Any]
_SAID = ("content", "refusal", "reasoning_content")
_FUNCTIONS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in FUNCTIONS]


class Surfaces:
    """Plays what its provider says through each of them. A failure is the error of the result."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._agents: dict[str, str] = {}
        self.streamed: Mapping[str, Callable[[Recording], Result]] = {
            "chat": self._streamed_chat,
            "/v1/chat/completions": self._streamed_completion,
            "/responses": self._streamed_response,
            "/v1/messages": self._streamed_message,
        }
        self.whole: Mapping[str, Callable[[Recording], Result]] = {
            "chat": self._chat,
            "/v1/chat/completions": self._completion,
            "/responses": self._response,
            "prompt step": self._step,
        }

    def _streamed_chat(self, played: Recording) -> Result:
        session = self._session(played)
        events = self._talk.listen(session, "Hi")
        if "choices" not in events[-1]:
            return Result(error=json.dumps(events[-1]))
        (last,) = events[-1]["choices"]
        deltas = [event["choices"][0]["delta"] for event in events]
        said = {name: _joined(deltas, name) for name in _SAID}
        return self._kept(session, {**said, "tool_calls": last["tool_calls"]}, last["finish_reason"], events[-1])

    def _chat(self, played: Recording) -> Result:
        session = self._session(played)
        response = self._talk.chat(session, "Hi")
        body = response.json()
        if response.status_code != 201:
            return Result(error=json.dumps(body))
        (choice,) = body["choices"]
        return self._kept(session, choice["message"], choice["finish_reason"], body)

    def _kept(self, session: str, message: Body, reason: str, body: Body) -> Result:
        """What is told and what is stored are the same."""
        entry = Entry.objects.get(session_id=session, role="assistant")
        refusal = message.get("refusal")
        told = [{"type": "refusal", "refusal": refusal}] if refusal else message["content"]
        assert (entry.content or "", entry.tool_calls) == (told or "", message["tool_calls"])
        return _made(message, reason, body["usage"])

    def _streamed_completion(self, played: Recording) -> Result:
        response, text = asyncio.run(_post("/v1/chat/completions", self._question(played, stream=True)))
        assert response.status_code == 200, text
        events = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n")[:-1] if line != "data: [DONE]"]
        if "error" in events[-1]:
            return Result(error=json.dumps(events[-1]))
        choices = [choice for event in events for choice in event["choices"]]
        deltas = [choice["delta"] for choice in choices]
        said = {name: _joined(deltas, name) for name in _SAID}
        calls: list[dict[str, Any]] = []
        for piece in (piece for delta in deltas for piece in delta.get("tool_calls") or ()):
            if piece["index"] == len(calls):
                calls.append({**piece, "function": dict(piece["function"])})
            else:
                assert "id" not in piece
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
        assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * (len(choices) - 1)
        return _made({**said, "tool_calls": calls}, choices[-1]["finish_reason"], events[-1]["usage"])

    def _completion(self, played: Recording) -> Result:
        response, text = asyncio.run(_post("/v1/chat/completions", self._question(played)))
        if response.status_code != 200:
            return Result(error=text)
        body = json.loads(text)
        return _made(body["choices"][0]["message"], body["choices"][0]["finish_reason"], body["usage"])

    def _streamed_message(self, played: Recording) -> Result:
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in FUNCTIONS]
        asked = {"model": played.model, "messages": messages("Hi"), "tools": tools, "max_tokens": 100, "stream": True}
        response, text = asyncio.run(_post("/v1/messages", asked))
        assert response.status_code == 200, text
        events = [json.loads(block.partition("data: ")[2]) for block in text.split("\n\n")[:-1]]
        if events[-1]["type"] == "error":
            return Result(error=json.dumps(events[-1]))
        blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        deltas = [(event["index"], event["delta"]) for event in events if event["type"] == "content_block_delta"]
        calls = [
            {**block, "function": {"name": block["name"], "arguments": _joined(_of(deltas, index), "partial_json")}}
            for index, block in enumerate(blocks)
            if block["type"] == "tool_use"
        ]
        said = [delta for _, delta in deltas]
        ended, usage = events[-2]["delta"], events[-2]["usage"]
        is_cut = not (ended["stop_details"] or {}).get("explanation")
        asked_tokens = sum(usage[name] for name in usage if str(name).endswith("input_tokens"))
        return _made(
            {"content": _joined(said, "text"), "reasoning_content": _joined(said, "thinking"), "tool_calls": calls},
            {"max_tokens": "length", "refusal": "content_filter"}.get(ended["stop_reason"]) if is_cut else None,
            {"prompt_tokens": asked_tokens, "completion_tokens": usage["output_tokens"]},
        )

    def _streamed_response(self, played: Recording) -> Result:
        body = ResponsesClient(asyncio.run).stream(**self._request(played))[-1]["response"]
        return Result(error=json.dumps(body["error"])) if body["error"] else _of_response(body)

    def _response(self, played: Recording) -> Result:
        response = ResponsesClient(asyncio.run).send("POST", "/responses", {"input": "Hi", **self._request(played)})
        return _of_response(response.json()) if response.status_code == 200 else Result(error=response.content.decode())

    def _step(self, played: Recording) -> Result:
        asked = step({"prompt": "Hi", "tools": "all"})
        developer = Developer.objects.get(pk="00000000-0000-0000-0000-000000000000")
        try:
            answer = gateway.complete(developer, model=played.model, messages=messages("Hi"), tools=_FUNCTIONS)
        except DomainError as error:
            return Result(error=error.message)
        outcome = asked.resume(PlainContext(memory={}), EffectSucceeded(answer))
        assert isinstance(outcome, Done)
        (choice,) = outcome.value["choices"]
        return _made(choice["message"], choice["finish_reason"], outcome.value["usage"])

    def _session(self, played: Recording) -> str:
        if played.model not in self._agents:
            agent = self._agents[played.model] = self._talk.agent(model=played.model)
            for name in FUNCTIONS:
                self._talk.tool(agent, name=name, type="function", function={"parameters": {"type": "object"}})
        return self._talk.session(self._agents[played.model])

    def _question(self, played: Recording, **fields: Any) -> Body:
        asked = {"model": played.model, "messages": messages("Hi"), "tools": _FUNCTIONS}
        options = {"stream_options": {"include_usage": True}} if fields.get("stream") else {}
        return {**asked, **options, **fields}

    def _request(self, played: Recording) -> Body:
        tools = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in FUNCTIONS]
        return {"model": played.model, "tools": tools, "store": False}


async def _post(path: str, body: Body) -> tuple[Any, str]:
    client = AsyncClient(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = await client.post(path, json.dumps(body), content_type="application/json", headers=headers)
    response = described.hold("POST", path, answer)
    if not response.streaming:
        return response, response.content.decode()
    return response, b"".join([chunk async for chunk in response.streaming_content]).decode()


def _of(deltas: Iterable[tuple[int, Body]], index: int) -> list[Body]:
    return [delta for at, delta in deltas if at == index]


def _joined(deltas: Iterable[Body], name: str) -> str:
    return "".join(delta.get(name) or "" for delta in deltas)


def _of_response(body: Body) -> Result:
    items = [item for item in body["output"] if item["type"] == "function_call"]
    calls = [{"id": item["call_id"], "function": item} for item in items]
    thoughts = [part["text"] for item in body["output"] if item["type"] == "reasoning" for part in item["content"]]
    said = {"content": text_of(dict(body)), "reasoning_content": "".join(thoughts), "tool_calls": calls}
    reason = (body["incomplete_details"] or {}).get("reason")
    usage = {"prompt_tokens": body["usage"]["input_tokens"], "completion_tokens": body["usage"]["output_tokens"]}
    return _made(said, "length" if reason == "max_output_tokens" else reason, usage)


def _made(message: Body, reason: str | None, usage: Body) -> Result:
    calls = message.get("tool_calls") or ()
    ids = [call["id"] for call in calls]
    assert all(isinstance(id_, str) and id_ for id_ in ids) and len(set(ids)) == len(ids)
    return Result(
        message.get("content") or message.get("refusal") or "",
        message.get("reasoning_content") or "",
        tuple((call["function"]["name"], call["function"]["arguments"]) for call in calls),
        reason if reason in CUT_SHORT else "",
        (usage["prompt_tokens"], usage["completion_tokens"]),
    )
