"""Searches this server makes for a model: over documents and over the web."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from agents.llm.own.scripted import scripted_model
from agents.models import Agent, Developer, Project
from docs_store.embedding import embed_due
from docs_store.ingestion.working import ingest_file
from docs_store.models import Ingestion, VectorStore
from julep_project.core.database import Use, use_database_as
from julep_project.devservices.loopback import Reply
from sessions.responses.answering import run
from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY, ApiClient
from tests.ingestion.conftest import form
from tests.loopback.model_server import ModelServer
from tests.loopback.web_server import WebServer
from tests.responses.conftest import ResponsesClient, events_of, text_of
from tests.responses.test_answers import MISSING, WEATHER, calling
from tests.responses.test_streams import kinds

WEB = {"type": "web_search"}
ASK_WEB = calling("web_search", '{"query": "tides"}')
ASK_DOCS = calling("file_search", '{"query": "When is high tide?"}')


@pytest.fixture
def agent(api: ResponsesClient) -> str:
    """The id of an agent who knows the tides."""
    resources = ApiClient()
    made = resources.post("/agents", {"name": "Ada"}).json()["id"]
    for title, content in (("Tides", "High tide is at noon."), ("Bread", "Bread needs an oven.")):
        body = {"title": title, "content": content, "metadata": {"kind": title}}
        doc = resources.post(f"/agents/{made}/docs", body)
        assert doc.status_code == 201, doc.content
    embed_due()
    return str(made)


def docs(*owners: str, **fields: Any) -> dict[str, Any]:
    return {"type": "file_search", "vector_store_ids": list(owners), **fields}


class TestWeb:
    def test_the_model_gets_the_results_and_answers(self, api: ResponsesClient, web: WebServer) -> None:
        with scripted_model([ASK_WEB, "At noon."]) as model:
            body = api.create(tools=[WEB], tool_choice="required")

        call, message = body["output"]
        assert call == {
            "id": call["id"],
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "search", "query": "tides", "queries": ["tides"]},
        }
        assert (message["type"], text_of(body)) == ("message", "At noon.")
        assert web.requests[0].query["q"] == "tides"
        first, second = model.requests
        assert [tool["function"]["name"] for tool in first.tools] == ["web_search"]
        assert (first.tool_choice, second.tool_choice) == ("required", "auto")
        result = second.messages[-1]
        assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")
        assert json.loads(result["content"])["results"][0]["snippet"] == "High at noon."
        assert body["usage"]["total_tokens"] > 0

    def test_with_the_published_client(self, api: ResponsesClient, web: WebServer, model_server: ModelServer) -> None:
        model_server.script(ASK_WEB, "At noon.", "I said so.")
        # Asks the database, as every process that starts.
        application = import_module("julep_project.asgi").application
        use_database_as(Use.COMMAND)

        async def ask() -> Any:
            transport = httpx.ASGITransport(application)
            async with AsyncOpenAI(
                base_url="http://localhost/v1", api_key=API_KEY, http_client=httpx.AsyncClient(transport=transport)
            ) as client:
                sources: Any = ["web_search_call.action.sources"]
                asked: Any = {"model": "gpt-4o", "tools": [WEB]}
                made = await client.responses.create(input="When?", include=sources, **asked)
                again = await client.responses.create(input="Sure?", previous_response_id=made.id, **asked)
                return made, again

        made, again = api.run(ask())
        [search, message] = made.output
        assert (search.type, search.status, message.type) == ("web_search_call", "completed", "message")
        assert [source.url for source in search.action.sources] == ["https://tides.example/"]
        assert (made.output_text, again.output_text) == ("At noon.", "I said so.")
        told = model_server.chats[-1]["messages"]
        assert [message["role"] for message in told] == ["user", "assistant", "tool", "assistant", "user"]
        assert "High at noon." in told[2]["content"]

    def test_events(self, api: ResponsesClient, web: WebServer) -> None:
        with scripted_model([ASK_WEB, "Noon."]):
            events = api.stream(tools=[WEB], include=["web_search_call.action.sources"])

        assert kinds(events)[2:7] == [
            "output_item.added",
            "web_search_call.in_progress",
            "web_search_call.searching",
            "web_search_call.completed",
            "output_item.done",
        ]
        assert [event["output_index"] for event in events if "output_index" in event] == [0] * 5 + [1] * 6
        sources = [{"type": "url", "url": "https://tides.example/"}]
        assert events[6]["item"]["action"]["sources"] == sources
        assert events[-1]["response"]["output"][0]["action"]["sources"] == sources
        again = api.get(events[0]["response"]["id"], "?stream=true")
        assert events_of(again) == events

    def test_without_a_search_integration(self, api: ResponsesClient, settings: Any) -> None:
        settings.BRAVE_API_KEY = ""
        status, error = api.refuse(tools=[WEB])
        assert (status, error["message"]) == (400, "Web search is not configured on this server.")
        assert not StoredResponse.objects.exists()

    def test_a_search_that_fails_is_told_to_the_model(self, api: ResponsesClient, web: WebServer) -> None:
        web.script("/res/v1/web/search", Reply(401, "no such key"))
        with scripted_model([ASK_WEB, "I could not look."]) as model:
            body = api.create(tools=[WEB])
        assert [item["status"] for item in body["output"]] == ["failed", "completed"]
        assert model.requests[1].messages[-1]["content"].startswith("error: ")

    @pytest.mark.parametrize("arguments", ["nonsense", "{}", '{"query": 3}', '["tides"]'])
    def test_arguments_without_a_query(self, api: ResponsesClient, web: WebServer, arguments: str) -> None:
        with scripted_model([calling("web_search", arguments), "Noon."]) as model:
            body = api.create(tools=[WEB])
        assert [item["type"] for item in body["output"]] == ["message"]
        assert "the arguments must be" in model.requests[1].messages[-1]["content"]

    def test_rounds_have_an_end(self, api: ResponsesClient, web: WebServer) -> None:
        with scripted_model([ASK_WEB] * run.MOST_QUESTIONS) as model:
            status, error = api.refuse(tools=[WEB])
        assert (status, error["code"]) == (502, "too_many_tool_rounds")
        assert [request.tool_choice for request in model.requests] == ["auto"] * (run.MOST_QUESTIONS - 1) + ["none"]

    def test_the_client_may_allow_fewer(self, api: ResponsesClient, web: WebServer) -> None:
        with scripted_model([ASK_WEB, ASK_WEB, "Noon."]) as model:
            body = api.create(tools=[WEB], max_tool_calls=1)
        assert [item["type"] for item in body["output"]] == ["web_search_call", "message"]
        assert "no further search is allowed" in model.requests[2].messages[-1]["content"]

    def test_beside_a_call_for_the_client_the_answer_waits_for_both(self, api: ResponsesClient, web: WebServer) -> None:
        both = {"tool_calls": [*calling("weather", "{}", "call_2")["tool_calls"], *ASK_WEB["tool_calls"]]}
        with scripted_model([both, "Sunny at noon."]) as model:
            first = api.create(tools=[WEB, WEATHER])
            result = {"type": "function_call_output", "call_id": "call_2", "output": "sun"}
            second = api.create(input=[result], previous_response_id=first["id"], tools=[WEB, WEATHER])

        assert [item["type"] for item in first["output"]] == ["function_call", "web_search_call"]
        assert text_of(second) == "Sunny at noon."
        user, assistant, search, weather = model.requests[1].messages
        assert [call["function"]["name"] for call in assistant["tool_calls"]] == ["weather", "web_search"]
        assert search["tool_call_id"] == first["output"][1]["id"]
        assert "High at noon." in search["content"]
        assert weather["content"] == "sun"


class TestDocuments:
    def test_the_best_passages_are_found(self, api: ResponsesClient, agent: str) -> None:
        with scripted_model([ASK_DOCS, "At noon."]) as model:
            body = api.create(tools=[docs(agent, max_num_results=1)], include=["file_search_call.results"])

        call, _ = body["output"]
        assert (call["type"], call["status"], call["queries"]) == (
            "file_search_call",
            "completed",
            ["When is high tide?"],
        )
        [found] = call["results"]
        assert (found["filename"], found["text"], found["attributes"]) == (
            "Tides",
            "High tide is at noon.",
            {"kind": "Tides"},
        )
        assert 0 <= found["score"] <= 1
        assert json.loads(model.requests[1].messages[-1]["content"])["results"] == call["results"]

    def test_results_are_shown_only_when_asked_for(self, api: ResponsesClient, agent: str) -> None:
        with scripted_model([ASK_DOCS, "At noon."]):
            body = api.create(tools=[docs(agent)])
        assert body["output"][0]["results"] is None
        shown = api.get(body["id"], "?include[]=file_search_call.results").json()
        assert shown["output"][0]["results"][0]["filename"] == "Tides"

    def test_filters(self, api: ResponsesClient, agent: str) -> None:
        is_bread = {"type": "eq", "key": "kind", "value": "Bread"}
        either = {"type": "or", "filters": [is_bread, {"type": "gt", "key": "kind", "value": "Moon"}]}
        best = {"score_threshold": 1}
        with scripted_model([ASK_DOCS, "?"] * 3) as model:
            for options in ({"filters": is_bread}, {"filters": either}, {"ranking_options": best}):
                api.create(tools=[docs(agent, **options)])
        told = [json.loads(request.messages[-1]["content"])["results"] for request in model.requests[1::2]]
        assert [{found["filename"] for found in results} for results in told] == [{"Bread"}, {"Bread", "Tides"}, set()]

    def test_files_of_a_vector_store(self, api: ResponsesClient, settings: Any, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = str(tmp_path)
        resources = ApiClient()
        file = resources.post("/v1/files", **form(b"High tide is at noon.", "tides.txt", purpose="assistants")).json()
        store = resources.post("/v1/vector_stores", {"file_ids": [file["id"]]}).json()["id"]
        ingest_file(Ingestion.objects.get().pk)
        embed_due()
        with scripted_model([ASK_DOCS, "At noon."]):
            body = api.create(tools=[docs(store)], include=["file_search_call.results"])
        [found] = body["output"][0]["results"]
        assert (found["file_id"], found["filename"], found["text"]) == (
            file["id"],
            "tides.txt",
            "High tide is at noon.",
        )
        VectorStore.objects.update(expires_after_days=1, last_active_at="2020-01-01T00:00:00Z")
        assert api.refuse(tools=[docs(store)])[0] == 400

    def test_an_owner_that_does_not_exist(self, api: ResponsesClient, agent: str) -> None:
        stranger = Developer.objects.create(email="stranger@example.com")
        project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
        eve = Agent.objects.create(developer=stranger, project=project, name="Eve", canonical_name="eve")
        for owner in (MISSING, str(eve.pk)):
            status, error = api.refuse(tools=[docs(agent, owner)])
            assert (status, error["message"]) == (
                404,
                f"vector_store_ids: there is no vector store, agent or user '{owner}'",
            )

    def test_without_any_owner(self, api: ResponsesClient) -> None:
        status, error = api.refuse(tools=[docs()])
        assert (status, "vector_store_ids" in error["message"]) == (400, True)
