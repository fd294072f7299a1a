"""Streamed answers over litellm's real HTTP path, against a provider on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import aclosing
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from agents.llm import gateway
from agents.llm.answer import Answer
from agents.llm.stream import open_stream
from agents.models import Developer, ModelUsage
from julep_project.core.errors import (
    DomainError,
    ModelNotUsable,
    ModelOverloaded,
    ModelRefused,
    ModelUnavailable,
    PromptTooBig,
    RateLimited,
)
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer, failure, tool_call
from tests.loopback.streaming import HEAD, Gate, Streamed

pytestmark = pytest.mark.usefixtures("committed_usage")
ASKED = [{"role": "user", "content": "What is two and two?"}]
MODEL = "gpt-4o-mini"
WAIT_S = 20
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    async def limited() -> Result:
        async with asyncio.timeout(WAIT_S):
            return await work

    return asyncio.run(limited())


def stream(developer: Developer, **question: Any) -> AsyncIterator[dict[str, Any]]:
    return gateway.astream(developer, **{"model": MODEL, "messages": ASKED, **question})


def read(developer: Developer, **question: Any) -> list[dict[str, Any]]:
    async def to_the_end() -> list[dict[str, Any]]:
        return [chunk async for chunk in stream(developer, **question)]

    return run(to_the_end())


def said(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def assembled(chunks: Iterable[dict[str, Any]]) -> Answer:
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    return answer


async def seen(event: Any) -> bool:
    """A threading.Event of the provider's."""
    return await asyncio.to_thread(event.wait, WAIT_S)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_error_that_comes_whole_with_the_status_of_a_success(
    developer: Developer, model_server: ModelServer, kind: str
) -> None:
    body = json.dumps({"error": {"message": "no credit left", "code": 402}})
    model_server.script(Reply(200, body=body, headers={"Content-Type": kind}))
    with pytest.raises(DomainError, match="no credit left"):
        read(developer)


class TestChunks:
    def test_they_are_plain_json_and_end_with_the_usage(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(Streamed("It ", "is ", "four."))

        chunks = read(developer, settings={"temperature": 0.5})

        assert json.loads(json.dumps(chunks)) == chunks
        assert said(chunks) == "It is four."
        assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
        assert len({chunk["id"] for chunk in chunks}) == 1
        assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None] * 3 + ["stop"]
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"].items() >= {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}.items()
        (sent,) = model_server.chats
        assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})
        assert (sent["messages"], sent["temperature"]) == (ASKED, 0.5)

    def test_calls_of_tools_come_in_pieces_and_fit_together(
        self, developer: Developer, model_server: ModelServer
    ) -> None:
        calls = tool_call("weather", {"city": "Rome", "days": 3})["tool_calls"]
        calls += tool_call("weather", {"city": "Oslo"}, id="call_2")["tool_calls"]
        model_server.script({"tool_calls": calls})

        chunks = read(developer, tools=[{"name": "weather", "type": "function", "function": {"parameters": {}}}])

        answer = assembled(chunks)
        assert answer.message() == {"role": "assistant", "content": None, "tool_calls": calls}
        assert answer.finish_reason == "tool_calls"
        assert len(chunks) > 6

    def test_a_word_is_passed_on_when_it_comes(self, developer: Developer, model_server: ModelServer) -> None:
        """The provider says nothing more until the last word has arrived."""

        async def words() -> list[Any]:
            gates = [Gate(), Gate()]
            model_server.script(Streamed("one ", gates[0], "two ", gates[1]))
            came = []
            async with aclosing(stream(developer)) as chunks:
                for gate in gates:
                    came.append((await anext(chunks))["choices"][0]["delta"].get("content"))
                    gate.open()
            return came

        assert run(words()) == ["one ", "two "]

    def test_reasoning_is_passed_on(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(Streamed({"reasoning_content": "2 + 2"}, "four"))

        answer = assembled(read(developer))

        assert answer.whole_message()["reasoning_content"] == "2 + 2"
        assert answer.text == "four"


class TestUsage:
    def test_it_is_recorded_once_with_price_and_mark(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(Streamed("It ", "is ", "four."))

        read(developer, metadata={"request_id": "r1"})

        row = ModelUsage.objects.get()
        assert (row.developer, row.model, row.prompt_tokens, row.completion_tokens) == (developer, MODEL, 5, 3)
        assert row.cost == Decimal("0.000002550")  # 5 x 0.15 and 3 x 0.60 dollars per million
        assert (row.estimated, row.custom_api_used) == (False, False)
        assert row.metadata == {"tags": ["paid"], "request_id": "r1", "streaming": True}

    def test_it_is_counted_here_when_the_provider_is_silent(
        self, developer: Developer, model_server: ModelServer
    ) -> None:
        model_server.script(Streamed("It ", "is ", "four.", usage=False))

        chunks = read(developer)

        row = ModelUsage.objects.get()
        assert row.estimated
        assert (row.prompt_tokens, row.completion_tokens) == (13, 4)
        assert chunks[-1]["usage"] == {"prompt_tokens": 13, "completion_tokens": 4, "total_tokens": 17}

    def test_the_callers_own_key_is_used_and_noted(self, developer: Developer, model_server: ModelServer) -> None:
        read(developer, custom_key="sk-own")

        assert model_server.requests[0].headers["authorization"] == "Bearer sk-own"
        assert ModelUsage.objects.get().custom_api_used

    def test_an_unknown_price_is_null(self, developer: Developer, model_server: ModelServer) -> None:
        read(developer, model="openai/model-of-ours")

        assert ModelUsage.objects.get().cost is None


class TestLeaving:
    def test_closing_ends_the_providers_work(self, developer: Developer, model_server: ModelServer) -> None:
        script = Streamed.endless("Once ", "upon ")
        model_server.script(script)

        async def read_two() -> None:
            chunks = stream(developer)
            await anext(chunks)
            await anext(chunks)
            await chunks.aclose()
            assert await seen(script.gone)

        run(read_two())
        row = ModelUsage.objects.get()
        assert (row.estimated, row.metadata) == (True, {"tags": ["paid"], "streaming": True})
        assert (row.prompt_tokens, row.completion_tokens) == (13, 2)

    @pytest.mark.parametrize("words", [[], ["Once "]])
    def test_so_does_cancelling_who_reads(
        self, developer: Developer, model_server: ModelServer, words: list[str]
    ) -> None:
        script = Streamed.endless(*words)
        model_server.script(script)

        async def cancel_a_reader() -> None:
            came = asyncio.Event()

            async def reading() -> None:
                async for _ in stream(developer):
                    came.set()

            task = asyncio.create_task(reading())
            await (came.wait() if words else seen(script.started))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await seen(script.gone)

        run(cancel_a_reader())
        assert ModelUsage.objects.get().estimated

    def test_so_does_cancelling_who_waits_for_a_whole_answer(
        self, developer: Developer, model_server: ModelServer
    ) -> None:
        script = Streamed.endless()
        model_server.script(script)

        async def cancel() -> None:
            task = asyncio.create_task(gateway.acomplete(developer, model=MODEL, messages=ASKED))
            assert await seen(script.started)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await seen(script.gone)

        run(cancel())

    def test_a_reader_that_is_cancelled_twice_still_leaves_one_row(
        self, developer: Developer, model_server: ModelServer
    ) -> None:
        model_server.script(Streamed.endless("Once "))

        async def cancel_twice() -> None:
            came = asyncio.Event()

            async def reading() -> None:
                async for _ in stream(developer):
                    came.set()

            task = asyncio.create_task(reading())
            await came.wait()
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(cancel_twice())
        assert ModelUsage.objects.count() == 1


class TestFailures:
    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (failure(429, "slow down", **{"Retry-After": "60"}), RateLimited),
            (failure(500, "slow down"), ModelUnavailable),
            (failure(503, "slow down"), ModelOverloaded),
            (failure(401, "slow down"), ModelNotUsable),
            (failure(404, "slow down"), ModelNotUsable),
            (failure(400, "slow down"), ModelRefused),
            (failure(422, "slow down"), ModelRefused),
            (failure(400, "slow down", code="content_policy_violation"), ModelRefused),
            (failure(400, "slow down: maximum context length", code="context_length_exceeded"), PromptTooBig),
        ],
    )
    def test_before_the_first_word(
        self, developer: Developer, model_server: ModelServer, reply: Reply, kind: type[DomainError]
    ) -> None:
        model_server.script(reply, "never asked again")

        with pytest.raises(kind, match="slow down") as caught:
            read(developer)

        assert type(caught.value) is kind
        assert len(model_server.requests) == 1
        assert not ModelUsage.objects.exists()

    def test_the_name_of_a_model_that_is_none(self, developer: Developer) -> None:
        with pytest.raises(DomainError):
            read(developer, model="http://127.0.0.1/")

    @pytest.mark.parametrize("model", ["no-such-model", "claude-haiku-4-5"])
    def test_a_provider_that_is_not_there(self, developer: Developer, model: str) -> None:
        with pytest.raises(ModelRefused):
            read(developer, model=model)

    @pytest.mark.parametrize(
        "script",
        [
            Streamed("It ", "is ", cut=True),
            Streamed("It ", "is ", b"data: {not json}\n\n"),
            Streamed("It ", "is ", b"data: \xff\xfe\n\n"),
            Streamed("It ", "is ", b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'),
            Streamed("It ", "is ", b'data: {"choices": "none"}\n\n'),
            Streamed("It ", "is ", b"data: [1, 2]\n\n"),
            Streamed("It ", "is ", b'data: "text"\n\n'),
            Streamed("It ", "is ", reason="error"),
        ],
        ids=["cut", "no-json", "no-text", "error", "no-choices", "list", "string", "error-reason"],
    )
    def test_in_the_middle(self, developer: Developer, model_server: ModelServer, script: Streamed) -> None:
        model_server.script(script)
        chunks: list[dict[str, Any]] = []

        async def reading() -> None:
            async for chunk in stream(developer):
                chunks.append(chunk)

        with pytest.raises(ModelUnavailable):
            run(reading())

        assert said(chunks) == "It is "
        assert script.over.wait(WAIT_S)
        row = ModelUsage.objects.get()
        assert row.estimated and row.completion_tokens > 0

    def test_a_chunked_body_that_breaks_off(self, developer: Developer, model_server: ModelServer) -> None:
        head = HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked\r\nConnection: close")
        word = (
            b'data: {"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
        )
        model_server.script(Reply(raw=[head, b"%x\r\n%s\r\n" % (len(word), word), b"ff\r\nda"]))

        with pytest.raises(ModelUnavailable):
            read(developer)
        assert ModelUsage.objects.get().estimated

    @pytest.mark.parametrize("raw", [[], [HEAD], [HEAD, b"data: [DONE]\n\n"], [b"HTTP/1.1 200 OK\r\n\r\n<html>"]])
    def test_a_stream_without_a_word(self, developer: Developer, model_server: ModelServer, raw: list[bytes]) -> None:
        model_server.script(Reply(raw=raw))

        with pytest.raises(ModelUnavailable):
            read(developer)
        assert not ModelUsage.objects.exists()

    @pytest.mark.parametrize("words", [[], ["It "]])
    def test_a_silent_provider(self, developer: Developer, model_server: ModelServer, words: list[str]) -> None:
        script = Streamed.endless(*words)
        model_server.script(script)

        with pytest.raises(ModelUnavailable):
            read(developer, timeout_s=0.3)
        assert script.gone.wait(WAIT_S)

    def test_keys_are_not_repeated(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(failure(401, "bad key my-own-secret"))

        with pytest.raises(ModelRefused) as caught:
            read(developer, custom_key="my-own-secret")
        assert "my-own-secret" not in caught.value.message


class TestWholeAnswers:
    def test_they_are_those_of_complete(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script("It is four.", "It is four.")
        question = {"model": MODEL, "messages": ASKED, "metadata": {"a": 1}}

        answers = [run(gateway.acomplete(developer, **question)), gateway.complete(developer, **question)]  # type: ignore[arg-type]

        for answer in answers:
            answer.pop("created")
        assert answers[0] == answers[1]
        assert answers[0]["choices"][0]["content"] == "It is four."
        rows = ModelUsage.objects.values("model", "prompt_tokens", "completion_tokens", "cost", "metadata", "estimated")
        assert rows[0] == rows[1]

    @pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (400, ModelRefused)])
    def test_so_are_their_errors(
        self, developer: Developer, model_server: ModelServer, status: int, kind: type[DomainError]
    ) -> None:
        model_server.script(failure(status, "not like this", **{"Retry-After": "60"}))

        with pytest.raises(kind, match="not like this"):
            run(gateway.acomplete(developer, model=MODEL, messages=ASKED))
        assert not ModelUsage.objects.exists()

    def test_no_answer_in_time(self, developer: Developer, model_server: ModelServer) -> None:
        model_server.script(Streamed.endless())

        with pytest.raises(ModelUnavailable):
            run(gateway.acomplete(developer, model=MODEL, messages=ASKED, timeout_s=0.3))

    def test_tokens_are_counted_where_the_provider_did_not(
        self, developer: Developer, model_server: ModelServer
    ) -> None:
        message = {"role": "assistant", "content": "It is four."}
        body = {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL}
        body["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
        model_server.script(Reply(body=body))

        answer = gateway.complete(developer, model=MODEL, messages=ASKED)

        row = ModelUsage.objects.get()
        assert (row.estimated, row.prompt_tokens, row.completion_tokens) == (True, 13, 4)
        assert answer["usage"]["total_tokens"] == 17


def test_the_library_does_not_pile_up_what_was_said(
    developer: Developer, model_server: ModelServer, sdk_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    async def keeping(request: Any) -> Any:
        opened.append(await open_stream(request))
        return opened[-1]

    monkeypatch.setattr(gateway, "open_stream", keeping)
    model_server.script(Streamed(*(f"word{number} " for number in range(100))))
    assert len(said(read(developer, model=sdk_model)).split()) == 100
    library = opened[0]._opened
    assert (len(library.chunks) <= 2, library.response_uptil_now) == (True, "")


def test_others_get_their_turn_while_a_fast_provider_is_read(developer: Developer, model_server: ModelServer) -> None:
    event = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    pieces = [{**event, "choices": [{"index": 0, "delta": {"content": f"{number} "}}]} for number in range(2_000)]
    end = {**event, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    body = "".join(f"data: {json.dumps(piece)}\n\n" for piece in [*pieces, end]) + "data: [DONE]\n\n"
    model_server.script(Reply(200, body=body, headers={"Content-Type": "text/event-stream"}))

    async def most_at_once() -> int:
        since_turn = most = 0
        is_read = asyncio.Event()

        async def another() -> None:
            nonlocal since_turn
            while not is_read.is_set():
                since_turn = 0
                await asyncio.sleep(0)

        beside = asyncio.create_task(another())
        async for _ in stream(developer):
            since_turn += 1
            most = max(most, since_turn)
        is_read.set()
        await beside
        return most

    assert run(most_at_once()) <= 20
