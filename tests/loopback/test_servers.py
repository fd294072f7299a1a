"""The loopback services themselves."""

import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.llm.providers import provider
from julep_project.devservices.demo_web import DemoWeb
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import ModelServer, tool_call
from tests.loopback.network_guard import OutsideConnection
from tests.loopback.web_server import WebServer


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    (tmp_path / "sea_turtles.md").write_text(
        "# Turtles\n\nSea turtles nest on warm beaches at night.\n\nTurtles swim far."
    )
    (tmp_path / "engines.txt").write_text("Diesel engines burn fuel without a spark at all.")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG turtles turtles turtles turtles")
    return tmp_path


def test_search_ranks_passages_by_shared_words(texts: Path) -> None:
    with DemoWeb(texts) as server:
        found = httpx.get(f"{server.url}/search", params={"q": "Where do turtles nest?"}).json()
        same = httpx.post(f"{server.url}/search", json={"query": "Where do turtles nest?"}).json()
        nothing = httpx.get(f"{server.url}/search", params={"q": "zebra"}).json()

    assert [hit["title"] for hit in found["hits"]] == ["sea turtles"]
    assert found["result"] == "Sea turtles nest on warm beaches at night."
    assert same == found
    assert (nothing["hits"], nothing["result"]) == ([], "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"no json"])
def test_search_needs_a_query(texts: Path, body: bytes) -> None:
    with DemoWeb(texts) as server:
        assert httpx.post(f"{server.url}/search", content=body).status_code == 400


def test_the_webhook_keeps_deliveries() -> None:
    with DemoWeb() as server:
        answers = [httpx.post(f"{server.url}/webhook", json={"content": n}).json() for n in range(2)]
        assert httpx.get(f"{server.url}/elsewhere").status_code == 404

    assert answers == [{"received": 1}, {"received": 2}]
    assert [delivery.json() for delivery in server.deliveries] == [{"content": 0}, {"content": 1}]


def test_scripted_answers_come_in_order_and_the_last_stays(web_server: WebServer) -> None:
    url = web_server.script("/a", Reply(429, headers={"Retry-After": "1"}), Reply(200, {"n": 1}))

    assert [httpx.get(url).status_code for _ in range(3)] == [429, 200, 200]
    assert [request.method for request in web_server.requests] == ["GET"] * 3


def _serves(thread: threading.Thread, server: WebServer) -> bool:
    """Other threads of this process come and go."""
    return thread is server._thread or "process_request_thread" in thread.name


def test_stopping_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with WebServer() as server:
        httpx.get(server.url)
        of_server = [thread for thread in set(threading.enumerate()) - before if _serves(thread, server)]

    for thread in of_server:
        thread.join(20)
    assert server._thread in of_server
    assert [thread for thread in of_server if thread.is_alive()] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_the_model_server_streams_words_and_usage(model_server: ModelServer) -> None:
    model_server.script("one two three")
    litellm = provider.library()

    chunks = list(
        litellm.completion(
            model="gpt-4o",
            messages=[{"role": "user", "content": "count"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three "
    assert chunks[-1].usage.completion_tokens == 3


def test_the_model_server_streams_tool_calls(model_server: ModelServer) -> None:
    model_server.script(tool_call("weather", {"city": "Rome", "days": 3}))
    litellm = provider.library()

    chunks = list(litellm.completion(model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True))
    whole = litellm.stream_chunk_builder(chunks)

    (call,) = whole.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Rome", "days": 3}')


def test_the_model_server_lists_models_and_embeds(model_server: ModelServer) -> None:
    litellm = provider.library()

    one, two = litellm.embedding(model="text-embedding-3-small", input=["a", "b"]).data
    models = httpx.get(f"{model_server.api_base}/models").json()

    assert one["embedding"] != two["embedding"]
    assert models["data"][0]["id"] == "loopback"


CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}, {"id": "b"}]}
RESULTS = [{"role": "tool", "tool_call_id": name, "content": "x"} for name in ("b", "a")]
USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("messages", "refused"),
    [
        ([USER, CALLS, *RESULTS, USER, CALLS, *RESULTS], False),
        ([CALLS, RESULTS[0]], True),
        ([CALLS, RESULTS[0], USER, RESULTS[1]], True),
        ([CALLS, USER, *RESULTS], True),
        ([CALLS, *RESULTS, RESULTS[0]], True),
        ([USER, RESULTS[0]], True),
        ([CALLS], True),
    ],
)
def test_the_model_server_refuses_calls_without_their_results(
    model_server: ModelServer, messages: list[dict[str, Any]], refused: bool
) -> None:
    body = {"model": "gpt-4o", "messages": messages}
    status = httpx.post(f"{model_server.api_base}/chat/completions", json=body).status_code
    assert status == (400 if refused else 200)


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("10.0.0.1", 5432)])
def test_tests_cannot_leave_this_machine(address: tuple[str, int]) -> None:
    with socket.socket() as outside:
        with pytest.raises(OutsideConnection):
            outside.connect(address)
        with pytest.raises(OutsideConnection):
            outside.connect_ex(address)
    with pytest.raises(OutsideConnection):
        socket.getaddrinfo("example.com", 80)
    with pytest.raises(OutsideConnection):
        httpx.get("http://example.com/")
