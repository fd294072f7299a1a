"""What a provider sends is counted while it arrives, and reaches the client library in pieces it can bear."""

import asyncio
import base64
import gzip
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import openai._streaming
import pytest

from agents.llm import gateway
from agents.llm.providers import provider
from agents.models import Developer, ModelUsage
from julep_project.core.errors import ModelRefused, ModelUnavailable, ReplyTooLong
from julep_project.devservices.loopback import LoopbackServer, RecordedRequest, Reply
from tests.llm.test_hostile_answers import CHUNK, PARTS, QUESTION, WHOLE
from tests.loopback.model_server import ModelServer
from tests.loopback.streaming import END, event
from tests.loopback.vectors import answer_of, vector

pytestmark = pytest.mark.usefixtures("committed_usage")

MOST = 64 * 1024
# More than the buffers of a connection hold; whoever writes as much has a reader that goes on reading.
FAR_TOO_MUCH = 32 * 1024 * 1024
PIECE = 32 * 1024
STOP = {**CHUNK, "choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]}


class Flood:
    """An answer that does not end; `cut` is set when whoever reads it has closed the connection."""

    def __init__(self, piece: bytes, *, kind: str, status: int = 200, start: bytes = b"", coding: str = "") -> None:
        self.cut = threading.Event()
        self._piece = piece * (PIECE // len(piece))
        encoded = f"Content-Encoding: {coding}\r\n" if coding else ""
        head = f"HTTP/1.1 {status} Yes\r\nContent-Type: {kind}\r\n{encoded}Connection: close\r\n\r\n"
        self._start = head.encode() + start

    def reply(self) -> Reply:
        return Reply(raw=lambda _: self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield self._start
            for _ in range(FAR_TOO_MUCH // len(self._piece)):
                yield self._piece
        except GeneratorExit:
            self.cut.set()
            raise


def complete_async(developer: Developer, **question: Any) -> dict[str, Any]:
    return asyncio.run(gateway.acomplete(developer, **question))


def streamed(developer: Developer, **question: Any) -> list[Any]:
    async def read() -> list[Any]:
        return [chunk async for chunk in gateway.astream(developer, **question)]

    return asyncio.run(read())


Ask = Callable[..., Any]
every_way = pytest.mark.parametrize("ask", [gateway.complete, complete_async, streamed])
whole_ways = pytest.mark.parametrize("ask", [gateway.complete, complete_async])


@pytest.fixture(autouse=True)
def bound(settings: Any) -> None:
    settings.MAX_REPLY_BYTES = MOST


@pytest.mark.parametrize(
    "flood",
    [
        lambda: Flood(b" ", kind="application/json"),
        lambda: Flood(b" ", kind="text/plain"),
        lambda: Flood(b"no ", kind="application/json", status=400),
        lambda: Flood(b"no ", kind="text/html", status=503),
    ],
    ids=["an answer", "of another type", "a refusal", "an excuse"],
)
@every_way
def test_an_answer_without_an_end(
    developer: Developer, model_server: ModelServer, ask: Ask, flood: Callable[[], Flood]
) -> None:
    endless = flood()
    model_server.script(endless.reply())
    with pytest.raises(ReplyTooLong) as caught:
        ask(developer, **QUESTION)
    assert "bytes" in str(caught.value)
    assert endless.cut.wait(10)


@every_way
def test_what_it_becomes_unpacked_counts(developer: Developer, model_server: ModelServer, ask: Ask) -> None:
    packed = gzip.compress(b" " * FAR_TOO_MUCH)
    assert len(packed) < MOST
    model_server.script(Reply(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"}))
    with pytest.raises(ReplyTooLong):
        ask(developer, **QUESTION)


@whole_ways
def test_a_packed_answer_is_read(developer: Developer, model_server: ModelServer, ask: Ask) -> None:
    packed = gzip.compress(json.dumps(WHOLE).encode())
    model_server.script(Reply(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"}))
    assert ask(developer, **QUESTION)["choices"][0]["content"] == "hello"
    assert "gzip" in model_server.requests[0].headers["accept-encoding"]


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "gzip"])
@every_way
def test_a_coding_that_was_not_asked_for_or_is_wrong(
    developer: Developer, model_server: ModelServer, ask: Ask, coding: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    model_server.script(Reply(200, json.dumps(WHOLE), headers))
    with pytest.raises(ModelUnavailable):
        ask(developer, **QUESTION)


@pytest.mark.parametrize(
    "flood",
    [
        lambda kind: Flood(b": still here\n\n", kind=kind),
        lambda kind: Flood(b"x", kind=kind, start=b"data: "),
        lambda kind: Flood(b"data: x\n", kind=kind),
        lambda kind: Flood(b"x\r", kind=kind),
        lambda kind: Flood(b"\n\r", kind=kind),
    ],
    ids=["of nothing", "of one line", "of one event", "of other line ends", "of empty lines"],
)
@pytest.mark.parametrize("kind", ["text/event-stream", "application/x-ndjson", "application/json"])
def test_a_stream_without_an_end(
    developer: Developer, model_server: ModelServer, kind: str, flood: Callable[[str], Flood]
) -> None:
    endless = flood(kind)
    model_server.script(endless.reply())
    with pytest.raises(ReplyTooLong):
        streamed(developer, **QUESTION)
    assert endless.cut.wait(10)


def test_an_event_ends_where_the_library_ends_it(developer: Developer, model_server: ModelServer) -> None:
    """A carriage return ends a line, and the line feed that follows it is no other."""
    model_server.script(Flood(b"x\r\n", kind="text/event-stream").reply())
    with pytest.raises(ReplyTooLong, match="event"):
        streamed(developer, **QUESTION)


def test_others_get_their_turn_while_a_packed_stream_is_unpacked(
    developer: Developer, model_server: ModelServer, sdk_model: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousandth of it fits into what comes at a time."""
    settings.MAX_REPLY_BYTES = 16 * MOST
    comment = ": still here\n\n"
    packed = gzip.compress((comment * 200_000).encode() + event(CHUNK) + event(STOP) + END)
    assert len(packed) < PIECE
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    model_server.script(Reply(200, packed, headers))
    decode = openai._streaming.SSEDecoder.decode
    since_turn = most = 0

    def counted(self: Any, line: str) -> Any:
        nonlocal since_turn, most
        since_turn += 1
        most = max(most, since_turn)
        return decode(self, line)

    monkeypatch.setattr(openai._streaming.SSEDecoder, "decode", counted)

    async def read() -> None:
        nonlocal since_turn

        async def another() -> None:
            nonlocal since_turn
            while True:
                since_turn = 0
                await asyncio.sleep(0)

        beside = asyncio.create_task(another())
        async for _ in gateway.astream(developer, **{**QUESTION, "model": sdk_model}):
            pass
        beside.cancel()

    asyncio.run(read())
    assert 0 < most <= 4 * 64 * 1024 / len(comment)


def test_a_stream_may_be_larger_than_an_answer(developer: Developer, model_server: ModelServer) -> None:
    words = [f"word{number} " for number in range(2 * MOST // 1000)]
    pieces = [event({**_chunk(word), "filler": "x" * 1000}) for word in words]
    model_server.script(Reply(200, b"".join([*pieces, event(STOP), END]), {"Content-Type": "text/event-stream"}))
    said = [chunk["choices"][0]["delta"].get("content") for chunk in streamed(developer, **QUESTION)[:-2]]
    assert said == words


def _chunk(word: str) -> dict[str, Any]:
    return {**CHUNK, "choices": [{"index": 0, "finish_reason": None, "delta": {"content": word}}]}


@pytest.mark.parametrize("part", ["deep", "wide"])
def test_a_long_line_with_too_much_json(
    developer: Developer, model_server: ModelServer, settings: Any, part: str
) -> None:
    settings.MAX_REPLY_BYTES = 16 * MOST
    line = f'data: {{"x": {PARTS[part]}}}\n\n'
    model_server.script(Reply(200, line, {"Content-Type": "text/event-stream"}))
    with pytest.raises(ModelUnavailable) as caught:
        streamed(developer, **QUESTION)
    assert "too much" in str(caught.value)


def test_the_work_for_an_event_grows_with_its_length(
    developer: Developer, model_server: ModelServer, sdk_model: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_REPLY_BYTES = 16 * 1024 * 1024
    read = openai._streaming.SSEDecoder._aiter_chunks
    copied = 0

    async def counted(self: Any, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The decoder adds each line, or piece of one, to what it has of the event."""

        async def spied() -> AsyncIterator[bytes]:
            nonlocal copied
            held = 0
            async for piece in pieces:
                for line in piece.splitlines(keepends=True):
                    held = len(line) if line.startswith(b"data") else held + len(line)
                    copied += held
                yield piece

        async for chunk in read(self, spied()):
            yield chunk

    monkeypatch.setattr(openai._streaming.SSEDecoder, "_aiter_chunks", counted)
    work = []
    for size in (1_000_000, 4_000_000):
        copied = 0
        long = event({**CHUNK, "filler": "x" * size}) + event(STOP) + END
        model_server.script(Reply(200, long, {"Content-Type": "text/event-stream"}))
        streamed(developer, **{**QUESTION, "model": sdk_model})
        work.append(copied)
    assert size < work[1] < 4.5 * work[0]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pieces_of_any_size_and_every_line_end(
    developer: Developer, model_server: ModelServer, ends: str, size: int
) -> None:
    text = f": hello{ends}{ends}event: x{ends}data: {json.dumps(CHUNK)}{ends}{ends}data: {json.dumps(STOP)}{ends}{ends}"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    body = f"{text}data: [DONE]{ends}{ends}".encode()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    model_server.script(Reply(raw=[head, *pieces]))
    said = [chunk["choices"][0]["delta"].get("content") for chunk in streamed(developer, **QUESTION)[:-1]]
    assert said[0] == "hello"


class OwnClientServer(LoopbackServer):
    """A provider for which the library has a client of its own."""

    def __init__(self, reply: Callable[[], Reply]) -> None:
        super().__init__()
        self._reply = reply

    def answer(self, request: RecordedRequest) -> Reply:
        return self._reply()


@every_way
def test_a_provider_with_a_client_of_its_own(developer: Developer, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    endless = Flood(b" ", kind="application/json")
    with OwnClientServer(endless.reply) as server:
        monkeypatch.setenv("ANTHROPIC_API_BASE", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
        with pytest.raises(ReplyTooLong):
            ask(developer, **{**QUESTION, "model": "anthropic/claude-sonnet-4-5"})
    assert endless.cut.wait(10)


def embed_async(developer: Developer, texts: list[str], **options: Any) -> list[list[float]]:
    return asyncio.run(gateway.aembed(developer, texts, **options))


@pytest.mark.parametrize("embed", [gateway.embed, embed_async])
class TestVectors:
    def test_without_an_end(self, developer: Developer, model_server: ModelServer, embed: Ask) -> None:
        endless = Flood(b" ", kind="application/json")
        model_server.script_embeddings(endless.reply())
        with pytest.raises(ReplyTooLong):
            embed(developer, ["one"], model="text-embedding-3-small")
        assert endless.cut.wait(10)

    def test_an_answer_that_is_too_large_is_asked_for_in_parts(
        self, developer: Developer, model_server: ModelServer, embed: Ask
    ) -> None:
        texts = [f"text {number}" for number in range(16)]

        def long(body: dict[str, Any]) -> dict[str, Any]:
            return {**answer_of([vector(text) for text in body["input"]]), "x": "x" * (MOST // 10 * len(body["input"]))}

        model_server.script_embeddings(*[long] * 8)
        vectors = embed(developer, texts, model="text-embedding-3-small")
        assert vectors == [pytest.approx(vector(text)) for text in texts]
        assert [len(body["input"]) for body in model_server.embeddings] == [16, 8, 8]


def test_a_reply_that_was_too_long_leaves_nothing_behind(developer: Developer, model_server: ModelServer) -> None:
    model_server.script(Flood(b" ", kind="application/json").reply())
    with pytest.raises(ReplyTooLong):
        complete_async(developer, **QUESTION)
    assert complete_async(developer, **QUESTION)["choices"][0]["content"] == "ok"
    assert ModelUsage.objects.count() == 1


class PictureServer(OwnClientServer):
    """A provider that takes pictures only with the question, and the web they are fetched from."""

    def __init__(self, picture: bytes) -> None:
        super().__init__(lambda: Reply(200, picture, {"Content-Type": "image/png"}))
        self.asked: list[bytes] = []

    def answer(self, request: RecordedRequest) -> Reply:
        """The picture; a question gets no answer."""
        if request.method == "GET":
            return super().answer(request)
        self.asked.append(request.body)
        return Reply(400, "{}", {"Content-Type": "application/json"})


@whole_ways
def test_a_picture_that_is_fetched_may_be_long(
    developer: Developer, monkeypatch: pytest.MonkeyPatch, settings: Any, ask: Ask
) -> None:
    settings.MAX_REPLY_BYTES = 16 * MOST
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000
    with PictureServer(picture) as server:
        monkeypatch.setenv("ANTHROPIC_API_BASE", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
        monkeypatch.setattr(provider.library(), "user_url_allowed_hosts", ["127.0.0.1"])
        part = {"type": "image_url", "image_url": {"url": f"{server.url}/{uuid4()}.png"}}
        question = {"messages": [{"role": "user", "content": [part]}], "model": "anthropic/claude-sonnet-4-5"}
        with pytest.raises(ModelRefused):
            ask(developer, **question)
    (asked,) = server.asked
    assert base64.b64encode(picture) in asked
