"""An API process serves again as soon as its database does, however long that was away and whatever it held."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection

from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.outages import administrator, database_away, locked

pytestmark = pytest.mark.django_db(transaction=True)

# Pauses between attempts to connect that doubled would be longer than a request waits by then.
AWAY_S = 16
AT_ONCE = 6


@pytest.fixture
def client(api_processes: list[Backend]) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=api_processes[0].url, headers=headers, timeout=60) as opened:
        assert opened.get("/agents").status_code == 200
        yield opened


def test_connections_that_died_together_refuse_nobody(client: httpx.Client, api_processes: list[Backend]) -> None:
    connection.ensure_connection()
    name, own = connection.settings_dict["NAME"], connection.connection.info.backend_pid
    with administrator() as server, ThreadPoolExecutor(AT_ONCE) as pool:
        with locked("agents_agent") as release:
            asked = [pool.submit(client.get, "/agents") for _ in range(AT_ONCE)]
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            wait_until(lambda: server.execute(waiting, [name]).fetchone() == (AT_ONCE,), 60, api_processes[0])
            release()
            assert {answer.result().status_code for answer in asked} == {200}

        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s", [name, own]
        )

    assert client.get("/agents").status_code == 200


@pytest.mark.slow
def test_the_first_request_after_an_outage_is_answered(client: httpx.Client) -> None:
    connection.ensure_connection()
    with database_away(keep=connection.connection.info.backend_pid):
        until = time.monotonic() + AWAY_S
        while time.monotonic() < until:
            assert client.get("/agents").status_code == 503
    assert client.get("/agents").status_code == 200
