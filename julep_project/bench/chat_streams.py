"""Chat streams on one server process: many open ones, its memory, and how long a piece of a reply takes through it; and
the first piece of a chat while searches take all the time they may."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TypeVar

import httpx
import psycopg
from django.conf import settings

from julep_project.bench.processes import resident_mib
from julep_project.bench.table import Row, at_ranks
from julep_project.devservices.ports import LOOPBACK, free_port
from julep_project.env import PROJECT_ROOT

_OPENED_AT_ONCE = 8
_MORE_PIECES = 20
_BETWEEN_PIECES_S = 0.5
_START_S = 60
_MODEL = "openai/bench"
_SEARCHES = 20
_POLL_S = 0.05
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'docs_store_chunk'::regclass"

Made = TypeVar("Made")


class StampingProvider:
    """A model whose replies are the times at which it says them: one at once, the others when told to."""

    def __init__(self) -> None:
        self._next = asyncio.Condition()
        self._pieces = 1
        self._is_over = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, backlog=4096)
        async with server:
            yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}/v1"

    async def say_more(self) -> None:
        async with self._next:
            self._pieces += 1
            self._next.notify_all()

    async def end_all(self) -> None:
        async with self._next:
            self._is_over = True
            self._next.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._reply(reader, writer)
        writer.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        said = self._pieces - 1
        while not self._is_over:
            writer.write(_event({"content": f"{time.monotonic_ns()} "}, None))
            await writer.drain()
            said += 1
            async with self._next:
                await self._next.wait_for(lambda: self._is_over or self._pieces > said)  # noqa: B023
        writer.write(_event({}, "stop") + b"data: [DONE]\n\n")


def measure(count: int) -> list[Row]:
    """Open so many streams one after the other, let all say more, and close them."""
    return asyncio.run(_measure(count))


async def _measure(count: int) -> list[Row]:
    async with _server_with_sessions(count) as (provider, client, pid, sessions):
        before = resident_mib(pid)
        readers = await _few_at_a_time(partial(_open, client, session) for session in sessions)
        opened = resident_mib(pid)
        for _ in range(_MORE_PIECES):
            await provider.say_more()
            await asyncio.sleep(_BETWEEN_PIECES_S)
        after = resident_mib(pid)
        await provider.end_all()
        await asyncio.gather(*(reader.ended for reader in readers))
    delays = [reader.delays_ms[0] for reader in readers]
    streams = f"{count:,} open chat streams"
    return [
        *at_ranks("i", f"{streams}: first piece of a reply,", delays, dict.fromkeys((50, 95), "at most 20 ms")),
        Row("i", f"{streams}: server's memory", opened, "MiB", note=f"{before:.0f} MiB before"),
        Row("i", f"the same after {_MORE_PIECES} more pieces each", after, "MiB", aim="flat"),
    ]


def measure_beside_searches(count: int) -> list[Row]:
    """Chat so many times, one after the other, while searches hang."""
    return asyncio.run(_measure_beside_searches(count))


async def _measure_beside_searches(count: int) -> list[Row]:
    async with _server_with_sessions(2 * count) as (provider, client, _, sessions):
        alone = [await _first_piece_ms(client, session) for session in sessions[:count]]
        async with _hanging_searches(client):
            beside = [await _first_piece_ms(client, session) for session in sessions[count:]]
        await provider.end_all()
    what = f"chat beside {_SEARCHES} hanging searches: first piece,"
    return at_ranks("n", what, beside, dict.fromkeys((50, 95), "at most 100 ms"), beside=alone)


@asynccontextmanager
async def _server_with_sessions(
    count: int,
) -> AsyncIterator[tuple[StampingProvider, httpx.AsyncClient, int, list[str]]]:
    """The provider of a server's models, a client of the server, its process id, and so many sessions."""
    provider = StampingProvider()
    async with provider.serving() as address:
        with server_process(address) as (url, pid):
            async with _client(url) as client:
                agent = (await client.post("/agents", json={"name": "bench", "model": _MODEL})).json()["id"]
                first, *sessions = await _few_at_a_time([partial(_make_session, client, agent)] * (count + 1))
                # The first chat of a process loads the client library.
                await _first_piece_ms(client, first)
                yield provider, client, pid, sessions


async def _first_piece_ms(client: httpx.AsyncClient, session_id: str) -> float:
    """From the request to the first piece of the reply, which is not heard to its end."""
    began = time.monotonic()
    reader = await _open(client, session_id)
    taken_ms = (time.monotonic() - began) * 1e3
    reader.ended.cancel()
    await asyncio.gather(reader.ended, return_exceptions=True)
    return taken_ms


@asynccontextmanager
async def _hanging_searches(client: httpx.AsyncClient) -> AsyncIterator[None]:
    """Somebody keeps the table that all searches look at for the length of the block."""
    agent = (await client.post("/agents", json={"name": "searched"})).json()["id"]
    async with await psycopg.AsyncConnection.connect(settings.DATABASE_URL) as keeper:
        await keeper.execute("LOCK TABLE docs_store_chunk IN ACCESS EXCLUSIVE MODE")
        query = {"text": "tides", "limit": 5}
        asked = [asyncio.ensure_future(client.post(f"/agents/{agent}/search", json=query)) for _ in range(_SEARCHES)]
        while (await (await keeper.execute(_WAITING)).fetchone() or (0,))[0] < settings.API_SEARCH_THREADS:
            await asyncio.sleep(_POLL_S)
        try:
            yield
        finally:
            await keeper.rollback()
            await asyncio.gather(*asked)


class _Reader:
    """Reads one stream to its end and notes how old every piece is when it arrives."""

    def __init__(self, client: httpx.AsyncClient, session_id: str) -> None:
        self.delays_ms: list[float] = []
        self.begun = asyncio.Event()
        self.ended = asyncio.ensure_future(self._read(client, session_id))

    async def _read(self, client: httpx.AsyncClient, session_id: str) -> None:
        body = {"messages": [{"role": "user", "content": "Say the time."}], "stream": True, "recall": False}
        try:
            async with client.stream("POST", f"/sessions/{session_id}/chat", json=body) as response:
                response.raise_for_status()
                async for line in response.aiter_lines():
                    self._note(line)
        finally:
            self.begun.set()

    def _note(self, line: str) -> None:
        if not line.startswith("data: "):
            return
        text = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"]
        if text:
            self.delays_ms.append((time.monotonic_ns() - int(text)) / 1e6)
            self.begun.set()


async def _open(client: httpx.AsyncClient, session_id: str) -> _Reader:
    reader = _Reader(client, session_id)
    await reader.begun.wait()
    return reader


@contextmanager
def offline_chats() -> Iterator[Callable[[], float]]:
    """`offline_chat` on a server process of its own."""
    with (
        server_process() as (url, _),
        httpx.Client(base_url=url, headers=_headers(), timeout=60, trust_env=False) as client,
    ):
        yield offline_chat(client)


def offline_chat(client: httpx.Client) -> Callable[[], float]:
    """A function that chats once, in a new session, with a model that answers at once, and gives the seconds until the
    whole answer is there."""
    agent = client.post("/agents", json={"name": "bench", "model": "offline/echo"}).json()["id"]

    def chat() -> float:
        session = client.post("/sessions", json={"agent": agent}).json()["id"]
        message = {"role": "user", "content": "Hi"}
        began = time.monotonic()
        client.post(f"/sessions/{session}/chat", json={"messages": [message]}).raise_for_status()
        return time.monotonic() - began

    return chat


async def _make_session(client: httpx.AsyncClient, agent: str) -> str:
    return str((await client.post("/sessions", json={"agent": agent})).json()["id"])


async def _few_at_a_time(works: Iterable[Callable[[], Awaitable[Made]]]) -> list[Made]:
    room = asyncio.Semaphore(_OPENED_AT_ONCE)

    async def make(work: Callable[[], Awaitable[Made]]) -> Made:
        async with room:
            return await work()

    return list(await asyncio.gather(*map(make, works)))


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            httpx.get(f"{url}/agents", headers=_headers(), trust_env=False).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.AGENTS_API_KEY}"}


def _client(url: str) -> httpx.AsyncClient:
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx.AsyncClient(base_url=url, headers=_headers(), timeout=600, limits=unlimited, trust_env=False)


@contextmanager
def server_process(provider: str = "") -> Iterator[tuple[str, int]]:
    """One server process that finds its models at this address: its URL and process id."""
    port = free_port()
    environ = {"OPENAI_API_BASE": provider, "OPENAI_API_KEY": "sk-bench", "DB_POOL": "1"}
    command = ["-m", "granian", "--interface=asginl", f"--host={LOOPBACK}", f"--port={port}", "--workers=1", "--no-ws"]
    process = subprocess.Popen(
        [sys.executable, *command, "--log-level=warning", "julep_project.asgi:application"],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environ},
    )
    try:
        _wait_until_up(f"http://{LOOPBACK}:{port}")
        yield f"http://{LOOPBACK}:{port}", process.pid
    finally:
        process.terminate()
        process.wait(_START_S)


def _event(delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    body = {"id": "bench", "object": "chat.completion.chunk", "created": 0, "model": "bench", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"
