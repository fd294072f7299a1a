"""From the end of a run to a receiver, through the processes that do it."""

from collections.abc import Iterator

import httpx
import pytest

from agents.webhooks.models import Delivery
from tests.api_client import API_KEY
from tests.backend import Backend, flush_redis, wait_for_end, wait_until
from tests.loopback.web_server import WebServer
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(backend: Backend) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=backend.url, headers=headers, trust_env=False, timeout=60) as opened:
        yield opened


def test_an_end_reaches_the_receiver_though_redis_is_emptied(
    client: httpx.Client, backend: Backend, web_server: WebServer
) -> None:
    receiver = Receiver(web_server)
    made = client.post("/webhooks", json={"url": receiver.url, "events": ["execution.*"]}).json()
    agent = client.post("/agents", json={"name": "Ada"}).json()
    main = [{"prompt": "hi"}, {"evaluate": {"a": "$ 1"}}]
    task = client.post(f"/agents/{agent['id']}/tasks", json={"name": "t", "main": main}).json()
    run = client.post(f"/tasks/{task['id']}/executions", json={"input": {}}).json()["id"]
    assert wait_for_end(run, backend).status == "succeeded"
    flush_redis()
    wait_until(lambda: len(receiver.requests) >= 2, 30, backend)
    told = receiver.verified(made["secret"])
    assert [(event["type"], event["data"]["id"]) for event in told] == [
        ("execution.started", run),
        ("execution.succeeded", run),
    ]
    wait_until(lambda: not Delivery.objects.exclude(state="delivered").exists(), 30, backend)
