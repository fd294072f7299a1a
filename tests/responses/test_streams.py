"""Events of responses: their order, their end, and how a stream is stopped."""

import asyncio
import json
import threading
from typing import Any

import pytest
from django.test import AsyncClient

from agents.llm.own.scripted import scripted_model
from agents.models import ModelUsage
from julep_project.core.database import run_query
from julep_project.core.errors import ModelUnavailable, NotFound
from julep_project.core.live import reader as core_reader
from julep_project.core.live.events import publish
from julep_project.devservices.loopback import Reply
from sessions.responses.answering.following import follow_response
from sessions.responses.models import StoredResponse
from sessions.responses.rows.store import topic
from tests.api_client import API_KEY
from tests.loopback.model_server import ModelServer, Streamed
from tests.loopback.streaming import Gate
from tests.responses.conftest import ResponsesClient, events_of, text_of, told_from
from tests.responses.test_answers import FORM, WEATHER, calling

WAIT_S = 20


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


class TestOrder:
    def test_a_text(self, api: ResponsesClient) -> None:
        with scripted_model(["It is four."]):
            events = api.stream()

        assert kinds(events) == [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            *["output_text.delta"] * 3,
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
        created, ended = events[0]["response"], events[-1]["response"]
        assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)
        assert (ended["status"], text_of(ended)) == ("completed", "It is four.")
        assert ended["usage"]["total_tokens"] > 0
        assert api.get(ended["id"]).json() == ended
        assert ModelUsage.objects.get().metadata["streaming"] is True

    def test_a_call(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", '{"city": "Rome"}')]):
            events = api.stream(tools=[WEATHER])

        told = [kind for kind in kinds(events) if kind != "function_call_arguments.delta"]
        assert told[2:] == ["output_item.added", "function_call_arguments.done", "output_item.done", "completed"]
        deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
        assert "".join(deltas) == '{"city": "Rome"}'

    def test_headers(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"]):
            answer = api.send("POST", "/v1/responses", {"model": "gpt-4o", "input": "Hi", "stream": True})
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert (answer.headers["Cache-Control"], answer.headers["X-Accel-Buffering"]) == ("no-cache", "no")

    def test_nothing_is_kept_that_is_not_to_be_stored(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"]):
            assert kinds(api.stream(store=False))[-1] == "completed"
        assert not StoredResponse.objects.exists()


class TestForms:
    def test_json_is_streamed(self, api: ResponsesClient) -> None:
        with scripted_model(['{"n": 1}']):
            assert kinds(api.stream(text=FORM)).count("output_text.delta") == 2

    def test_prose_is_never_told_but_asked_for_again(self, api: ResponsesClient) -> None:
        with scripted_model(["Sure, one.", '{"n": 2}']):
            events = api.stream(text=FORM)
        assert text_of(events[-1]["response"]) == '{"n": 2}'
        assert kinds(events).count("output_item.added") == 1

    def test_json_of_a_wrong_form_fails_when_it_was_told(self, api: ResponsesClient) -> None:
        with scripted_model(['{"n": "one"}']):
            ended = api.stream(text=FORM)[-1]
        assert ended["type"] == "response.failed"
        assert "does not have the form that was asked for" in ended["response"]["error"]["message"]


class TestFailures:
    def test_the_provider_refuses(self, api: ResponsesClient) -> None:
        with scripted_model([ModelUnavailable("overloaded")]):
            events = api.stream()
        assert kinds(events) == ["created", "in_progress", "failed"]
        assert events[-1]["response"]["error"] == {"code": "server_error", "message": "overloaded"}
        assert StoredResponse.objects.get().status == "failed"

    def test_the_rate_is_limited(self, api: ResponsesClient, model_server: ModelServer) -> None:
        told = {"error": {"message": "slow down", "type": "requests", "code": None}}
        model_server.script(Reply(429, told, {"Retry-After": "60"}))
        ended = api.stream()[-1]
        assert ended["response"]["error"]["code"] == "rate_limit_exceeded"

    def test_the_answer_breaks_off(self, api: ResponsesClient, model_server: ModelServer) -> None:
        model_server.script(Streamed("Once", cut=True))
        events = api.stream()
        assert kinds(events)[-1] == "failed"
        assert (text_of(events[-1]["response"]), events[-1]["response"]["output"][0]["status"]) == (
            "Once",
            "incomplete",
        )

    def test_a_request_that_cannot_be_is_refused_before_the_stream_opens(self, api: ResponsesClient) -> None:
        answer = api.send("POST", "/responses", {"model": "gpt-4o", "stream": True})
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/json")


async def _none_is_answered() -> None:
    """Return when every response has its end. A server goes on until then; a loop of a test would just be closed."""
    async with asyncio.timeout(WAIT_S):
        while await run_query(StoredResponse.objects.filter(status="in_progress").exists):
            await asyncio.sleep(0.005)


async def _open(**fields: Any) -> Any:
    body = {"model": "gpt-4o", "input": "Hi", "stream": True, **fields}
    headers = {"Authorization": f"Bearer {API_KEY}"}
    client = AsyncClient(raise_request_exception=False)
    return await client.post("/responses", json.dumps(body), content_type="application/json", headers=headers)


async def _followed(row: StoredResponse) -> list[Any]:
    return [event async for event in follow_response(row, (), -1)]


class Reader(threading.Thread):
    """Reads a stream on an event loop of its own."""

    def __init__(self, until: str = ".delta") -> None:
        super().__init__(daemon=True)
        self.status_code = 0
        self.told = ""
        self.has_come_so_far = threading.Event()
        self._until = until

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        response = await _open()
        self.status_code = response.status_code
        async for chunk in response.streaming_content:
            self.told += chunk.decode()
            if self._until in self.told:
                self.has_come_so_far.set()

    def events(self) -> list[dict[str, Any]]:
        """All of them, once the stream has ended."""
        self.join(WAIT_S)
        assert not self.is_alive(), self.told
        return events_of(self)


def endless_answer(model_server: ModelServer) -> tuple[Streamed, Reader, StoredResponse]:
    """What the provider says without an end, who has read its beginning, and its row."""
    answer = Streamed.endless("Once ", "upon ")
    model_server.script(answer)
    reader = Reader()
    reader.start()
    assert reader.has_come_so_far.wait(WAIT_S), reader.told
    return answer, reader, StoredResponse.objects.get()


class TestStopping:
    @pytest.mark.parametrize(("method", "path"), [("POST", "/cancel"), ("DELETE", "")])
    def test_cancelling_or_deleting_ends_the_stream_and_the_providers_work(
        self, live_api: ResponsesClient, model_server: ModelServer, method: str, path: str
    ) -> None:
        answer, reader, row = endless_answer(model_server)

        stopped = live_api.send(method, f"/responses/{row.pk}{path}").json()

        events = reader.events()
        assert answer.gone.wait(WAIT_S)
        assert (events[-1]["type"], events[-1]["response"]["status"]) == ("response.incomplete", "cancelled")
        row.refresh_from_db()
        assert (row.status, row.lease_until) == ("cancelled", None)
        assert row.body["output"][0]["status"] == "incomplete"
        assert text_of(row.body).startswith("Once ")
        if path:
            assert stopped["status"] == "cancelled"
            assert events_of(live_api.get(str(row.pk), "?stream=true")) == events
        assert ModelUsage.objects.count() == 1

    def test_a_row_that_is_removed_meanwhile(self, live_api: ResponsesClient, model_server: ModelServer) -> None:
        """As with its developer: who is told of the answer, and who follows it, hear of its end."""
        answer, reader, row = endless_answer(model_server)
        StoredResponse.objects.all().delete()
        publish(topic(row.pk))

        ended = reader.events()[-1]

        assert answer.gone.wait(WAIT_S)
        assert (ended["type"], ended["response"]["status"]) == ("response.incomplete", "cancelled")
        with pytest.raises(NotFound, match="does not exist"):
            asyncio.run(_followed(row))
        assert StoredResponse.objects.count() == 0

    def test_a_client_that_leaves(self, live_api: ResponsesClient, model_server: ModelServer) -> None:
        answer = Streamed.endless("Once ", "upon ")
        model_server.script(answer)

        async def leave() -> None:
            response = await _open()
            content = response.streaming_content
            async for chunk in content:
                if b".delta" in chunk:
                    break
            response.close()
            await _none_is_answered()

        asyncio.run(leave())

        assert answer.gone.wait(WAIT_S)
        row = StoredResponse.objects.get()
        assert row.status == "cancelled"
        assert text_of(row.body).startswith("Once ")
        assert ModelUsage.objects.count() == 1

    def test_a_client_that_is_cut_off_in_the_middle_of_a_wait(
        self, live_api: ResponsesClient, model_server: ModelServer
    ) -> None:
        answer = Streamed.endless("Once ", "upon ")
        model_server.script(answer)

        async def cut() -> None:
            response = await _open()
            told = asyncio.Event()

            async def read() -> None:
                async for chunk in response.streaming_content:
                    if b".delta" in chunk:
                        told.set()

            task = asyncio.create_task(read())
            await told.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            response.close()
            await _none_is_answered()

        asyncio.run(cut())

        assert answer.gone.wait(WAIT_S)
        assert StoredResponse.objects.get().status == "cancelled"

    def test_a_client_that_leaves_before_the_whole_answer(
        self, live_api: ResponsesClient, model_server: ModelServer
    ) -> None:
        gate = Gate()
        answer = Streamed(gate)
        model_server.script(answer)

        async def cut() -> None:
            task = asyncio.create_task(_open(stream=False))
            await asyncio.to_thread(answer.started.wait, WAIT_S)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(cut())

        assert answer.gone.wait(WAIT_S)
        assert StoredResponse.objects.get().status == "cancelled"

    def test_a_silent_stream_sends_comments(
        self, live_api: ResponsesClient, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(core_reader, "_KEEP_ALIVE_S", 0.01)

        gate = Gate()
        model_server.script(Streamed(gate, "ok"))
        reader = Reader(until=": ping")
        reader.start()
        assert reader.has_come_so_far.wait(WAIT_S), reader.told
        gate.open()
        assert kinds(reader.events())[-1] == "completed"


class TestReplay:
    def test_the_events_are_told_again_as_they_were(self, api: ResponsesClient) -> None:
        with scripted_model([calling("weather", '{"city": "Rome"}', content="Let me see.")]):
            events = api.stream(tools=[WEATHER])
        again = api.get(events[0]["response"]["id"], "?stream=true")
        assert events_of(again) == events

    @pytest.mark.parametrize("after", [0, 4, 10, 11, 500])
    def test_from_a_place_on(self, api: ResponsesClient, after: int) -> None:
        with scripted_model(["It is four."]):
            events = api.stream()
        again = api.get(events[0]["response"]["id"], f"?stream=true&starting_after={after}")
        assert told_from(again) == events[after + 1 :]

    def test_a_failure(self, api: ResponsesClient) -> None:
        with scripted_model([ModelUnavailable("overloaded")]):
            events = api.stream()
        assert events_of(api.get(events[0]["response"]["id"], "?stream=true")) == events

    def test_a_place_that_is_none(self, api: ResponsesClient) -> None:
        with scripted_model(["ok"]):
            body = api.create()
        assert api.get(body["id"], "?stream=true&starting_after=x").status_code == 422
        assert api.get(body["id"], "?stream=maybe").status_code == 422
