"""A chat on a server process whose searches hang."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection, transaction

from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.chat.conftest import spoken
from tests.event_streams import events_of

pytestmark = pytest.mark.django_db(transaction=True)

SEARCHES = 20
RECALLS = 12
# As many as the process has threads for: of the searches, and of the chats that recall.
_UNDER_WAY = 8 + 8
_LONGEST_S = 60


@pytest.fixture
def client(api_processes: list[Backend]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=api_processes[0].url, headers=headers, timeout=_LONGEST_S, limits=limits) as opened:
        yield opened


@pytest.fixture
def agent(client: httpx.Client) -> str:
    """An agent with a doc."""
    agent = str(client.post("/agents", json={"name": "Ada", "model": "offline/echo"}).json()["id"])
    client.post(f"/agents/{agent}/docs", json={"title": "Turtles", "content": "Turtles swim."}).raise_for_status()
    return agent


def new_session(client: httpx.Client, agent: str) -> str:
    wanted = {"agent": agent, "recall_options": {"mode": "text"}}
    return str(client.post("/sessions", json=wanted).json()["id"])


def _chat(client: httpx.Client, session: str, *, recall: bool) -> str:
    wanted = {"messages": [{"role": "user", "content": "turtles"}], "recall": recall, "stream": True}
    with client.stream("POST", f"/sessions/{session}/chat", json=wanted) as answer:
        return spoken(events_of("".join(answer.iter_text())))


def blocked() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'docs_store_chunk'::regclass")
        return int(cursor.fetchone()[0])


def test_a_chat_is_answered_while_searches_take_all_the_time_they_may(
    client: httpx.Client, agent: str, api_processes: list[Backend]
) -> None:
    session, *others = [new_session(client, agent) for _ in range(1 + RECALLS)]

    def search() -> int:
        return client.post(f"/agents/{agent}/search", json={"text": "turtles"}).status_code

    with ThreadPoolExecutor(SEARCHES + RECALLS) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE docs_store_chunk IN ACCESS EXCLUSIVE MODE")
            searches = [pool.submit(search) for _ in range(SEARCHES)]
            recalls = [pool.submit(_chat, client, other, recall=True) for other in others]
            wait_until(lambda: blocked() == _UNDER_WAY, _LONGEST_S, api_processes[0])
            assert _chat(client, session, recall=False) == "turtles"
            assert client.get(f"/agents/{agent}").status_code == 200
            assert len(client.get(f"/sessions/{session}/history").json()["entries"]) == 2
            assert not any(future.done() for future in (*searches, *recalls))
            assert blocked() == _UNDER_WAY
        assert [found.result() for found in searches] == [200] * SEARCHES
        assert [said.result() for said in recalls] == ["turtles"] * RECALLS
