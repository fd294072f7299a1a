"""A large file with running processes: read by a worker, told of as a stream, resumed after the worker was killed."""

import json
from typing import Any

import httpx
import pytest

from docs_store.models import Chunk, DocEmbedding, Ingestion
from tests.api_client import API_KEY
from tests.backend import Backend, wait_until
from tests.extraction import samples

PAGES = 1500


@pytest.mark.slow
def test_many_pages_with_a_worker_that_is_killed(backend: Backend) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    content = samples.pdf([f"Page {number} of tides" for number in range(1, PAGES + 1)])
    with httpx.Client(base_url=backend.url, headers=headers, timeout=60) as client:
        owner = f"/agents/{client.post('/agents', json={'name': 'Reader'}).json()['id']}"
        answer = client.post(f"{owner}/docs", files={"file": ("tides.pdf", content)}, data={"title": "Tides"})
        assert answer.status_code == 201, answer.text
        (job_id,) = answer.json()["jobs"]
        wait_until(lambda: Ingestion.objects.get().parts_read > 0, 60, backend)
        backend.kill("io")
        backend.start("io")
        events = _events(client, f"/jobs/{job_id}/status.stream")
        found = client.post(f"{owner}/search", json={"text": '"Page 123 of tides"'}).json()["docs"]
    assert events[-1]["state"] == "succeeded", events[-1]
    assert (events[-1]["parts_read"], events[-1]["chunks"], events[-1]["progress"]) == (PAGES, PAGES, 100)
    progress = [event["progress"] for event in events]
    assert progress == sorted(progress)
    chunks = Chunk.objects.order_by("index").values_list("index", "content", "place")
    assert [row[0] for row in chunks] == list(range(PAGES))
    assert all(row[1] == f"Page {row[0] + 1} of tides" and row[2]["page"] == row[0] + 1 for row in chunks)
    assert found[0]["snippet"]["metadata"] == {"page": 123}
    assert DocEmbedding.objects.count() == 1


def _events(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    with client.stream("GET", path) as response:
        return [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]
