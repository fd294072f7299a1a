"""What is kept of responses: how much of it is read, how long it stays, and who holds the database meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from agents.llm.own.scripted import scripted_model
from docs_store.files import contents
from sessions.responses.models import StoredResponse
from sessions.responses.rows import chain
from sessions.responses.rows.store import prune_responses
from sessions.responses.wire.ids import parse_response_reference
from tests.api_client import ApiClient
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import Gate
from tests.responses.conftest import ResponsesClient, text_of

WAIT_S = 20
# Compresses to a few hundred bytes.
LONG = "tide " * 20_000


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes of a conversation are read: less than twice `LONG`."""
    monkeypatch.setattr(chain, "MOST_BYTES", 150_000)
    return 150_000


class TestBounds:
    def test_a_conversation_counts_with_its_full_size(self, api: ResponsesClient, bound: int) -> None:
        with scripted_model(["ok"] * 4) as model:
            first = api.create(input=LONG)
            second = api.create(input=LONG, previous_response_id=first["id"])
            third = api.create(input=LONG, previous_response_id=second["id"])
            status, error = api.refuse(previous_response_id=third["id"])
            assert (status, "larger than" in error["message"]) == (400, True)
            api.create(previous_response_id=third["id"], truncation="auto", model="offline/none")
        assert [message["content"][:2] for message in model.requests[3].messages] == ["ti", "ok", "ti", "ok", "Hi"]

    def test_so_do_the_responses_of_items_referred_to(self, api: ResponsesClient, bound: int) -> None:
        with scripted_model(["One", "Two", "Three"]):
            made = [api.create(input=LONG) for _ in range(2)]
            references = [{"type": "item_reference", "id": body["output"][0]["id"]} for body in made]
            assert text_of(api.create(input=references[:1])) == "Three"
            status, error = api.refuse(input=references)
        assert (status, "larger than" in error["message"]) == (400, True)

    def test_ten_megabytes(self, api: ResponsesClient) -> None:
        text = "x" * 10_000_000
        with scripted_model(["Long."]) as model:
            body = api.create(input=text, model="offline/none")
        assert text_of(body) == "Long."
        assert model.requests[0].messages == [{"role": "user", "content": text}]
        assert StoredResponse.objects.get().size_bytes > 10_000_000

    def test_a_body_that_is_too_large(self, api: ResponsesClient, settings: Any) -> None:
        settings.MAX_BODY_BYTES = 1000
        status, _ = api.refuse(input="x" * 1001)
        assert status == 413
        assert not StoredResponse.objects.exists()

    def test_numbers_beyond_64_bits_come_back(self, api: ResponsesClient) -> None:
        with scripted_model(["ok", "ok"]):
            assert api.create(metadata={"n": 10**30})["metadata"] == {"n": 10**30}
            assert api.stream(metadata={"n": 10**30})[-1]["response"]["metadata"] == {"n": 10**30}


class TestRepeatedIds:
    def test_every_item_of_a_conversation_has_its_own(self, api: ResponsesClient) -> None:
        items = [{"type": "message", "id": "msg_1", "role": "user", "content": text} for text in ("0", "1")]
        with scripted_model(["ok", "ok", "ok"]) as model:
            first = api.create(input=items)
            reference = {"type": "item_reference", "id": first["output"][0]["id"]}
            second = api.create(input=[*items, reference], previous_response_id=first["id"])
            path = f"/responses/{second['id']}/input_items"
            told, after = [], ""
            while True:
                page = api.send("GET", f"{path}?limit=1&after={after}").json()
                told += page["data"]
                after = page["last_id"]
                if not page["has_more"] or len(told) > 6:
                    break
            again = {"type": "item_reference", "id": told[0]["id"]}
            api.create(input=[again])
        assert [item["content"][0]["text"] for item in told] == ["ok", "1", "0", "ok", "1", "0"]
        assert told[-1]["id"] == "msg_1"
        assert model.requests[2].messages[0]["content"] == "ok"


class TestPruning:
    def test_deleted_responses_go_when_nothing_follows_them(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"] * 6):
            gone = [api.create()]
            gone.append(api.create(previous_response_id=gone[0]["id"]))
            first = api.create()
            kept = [first, api.create(previous_response_id=first["id"])]
            fresh, alive = api.create(), api.create()
        for body in (*gone, first, fresh):
            assert api.send("DELETE", f"/responses/{body['id']}").status_code == 200
        StoredResponse.objects.exclude(pk=parse_response_reference(fresh["id"])).update(
            deleted_at=F("deleted_at") - timedelta(days=1)
        )

        assert prune_responses() == 2

        left = set(StoredResponse.objects.values_list("pk", flat=True))
        assert left == {parse_response_reference(body["id"]) for body in (*kept, fresh, alive)}
        listed = api.send("GET", f"/responses/{kept[1]['id']}/input_items").json()["data"]
        assert len(listed) == 3
        assert prune_responses() == 0

    def test_the_message_of_one_that_is_gone(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"]):
            body = api.create()
        api.send("DELETE", f"/responses/{body['id']}")
        StoredResponse.objects.update(deleted_at=Now() - timedelta(days=2))
        assert prune_responses() == 1
        answer = api.get(body["id"])
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Provided response id does not exist")


def test_no_connection_is_held_while_files_are_read(
    live_api: ResponsesClient, model_server: ModelServer, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    file_id = ApiClient().post("/files", {"name": "tide.txt", "content": "aGlnaA=="}).json()["id"]
    read, seen = contents.read_base64, []

    def read_and_look(*args: Any, **options: Any) -> str:
        seen.append((threading.current_thread().name.startswith("query-"), connection.connection))
        return read(*args, **options)

    monkeypatch.setattr(contents, "read_base64", read_and_look)
    part = {"type": "input_file", "file_id": file_id}
    live_api.create(input=[{"role": "user", "content": [part]}])
    assert seen == [(False, None)]
    assert model_server.chats[0]["messages"][0]["content"][0]["file"]["file_data"].endswith("aGlnaA==")


@pytest.mark.parametrize("stream", [False, True])
def test_no_connection_is_held_while_the_model_is_awaited(
    unpooled: None, live_api: ResponsesClient, model_server: ModelServer, stream: bool
) -> None:
    gate = Gate()
    answer = Streamed(gate, "ok") if stream else Streamed(gate)
    model_server.script(answer)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(live_api.send, "POST", "/responses", {"model": "gpt-4o", "input": "Hi", "stream": stream})
        assert answer.started.wait(WAIT_S)
        with connection.cursor() as cursor:
            # A server process takes a moment to end after its client has left.
            for _ in range(200):
                cursor.execute(
                    "SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                held = cursor.fetchone()[0]
                if not held:
                    break
        gate.open()
        asked.result(WAIT_S)
    assert held == 0
