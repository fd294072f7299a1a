"""How long a chat takes to begin on a server process whose searches hang."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import httpx
import pytest
from django.db import connection, transaction

from tests.backend import Backend, wait_until
from tests.chat.test_beside_searches import agent, blocked, client, new_session

__all__ = ["agent", "client"]

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SEARCHES = 20
CHATS = 21
_SEARCH_THREADS = 8
_LONGEST_S = 60


def first_piece_s(client: httpx.Client, session: str) -> float:
    wanted = {"messages": [{"role": "user", "content": "turtles"}], "recall": False, "stream": True}
    began = time.monotonic()
    with client.stream("POST", f"/sessions/{session}/chat", json=wanted) as answer:
        next(line for line in answer.iter_lines() if '"content":"turtles"' in line.replace(" ", ""))
        return time.monotonic() - began


def test_the_first_piece_comes_soon(client: httpx.Client, agent: str, api_processes: list[Backend]) -> None:
    sessions = [new_session(client, agent) for _ in range(CHATS)]
    # The first one of a process is another matter.
    first_piece_s(client, sessions[0])

    def search() -> int:
        return client.post(f"/agents/{agent}/search", json={"text": "turtles"}).status_code

    with ThreadPoolExecutor(SEARCHES) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE docs_store_chunk IN ACCESS EXCLUSIVE MODE")
            searches = [pool.submit(search) for _ in range(SEARCHES)]
            wait_until(lambda: blocked() == _SEARCH_THREADS, _LONGEST_S, api_processes[0])
            taken = [first_piece_s(client, session) for session in sessions[1:]]
            assert blocked() == _SEARCH_THREADS
        assert [found.result() for found in searches] == [200] * SEARCHES

    assert median(taken) < 0.1, sorted(taken)
