"""Docs: create, read, list, delete."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Developer, Project, User
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from docs_store import selectors
from docs_store.models import Chunk, Doc, DocEmbedding, Embedding
from tests.api_client import ApiClient
from tests.docs_store.known_vectors import KnownVectors

Store = Callable[..., str]

MISSING = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(params=["agents", "users"])
def owner(request: pytest.FixtureRequest, agent: str, user: str) -> str:
    """The path of an owner of either kind."""
    return f"/agents/{agent}" if request.param == "agents" else f"/users/{user}"


def test_a_doc_comes_back_as_it_was_stored(api: ApiClient, owner: str) -> None:
    body = {"title": "Tides", "content": ["High.", "Low."], "metadata": {"a": 1}, "embed_instruction": "Sea:"}
    created = api.post(f"{owner}/docs", body)
    answer = created.json()

    assert created.status_code == 201
    assert answer["jobs"] == []
    assert {name: answer[name] for name in ("title", "content", "metadata")} == {
        "title": "Tides",
        "content": ["High.", "Low."],
        "metadata": {"a": 1},
    }
    assert (answer["modality"], answer["language"]) == ("text", "english")
    assert (answer["embedding_model"], answer["embedding_dimensions"]) == ("offline/hashing", 1024)
    assert (answer["embeddings"], answer["embedding_state"]) == (None, "pending")
    got = api.get(f"/docs/{answer['id']}")
    assert got.status_code == 200
    assert got.json() == {name: value for name, value in answer.items() if name != "jobs"}


def test_one_text_becomes_a_list(api: ApiClient, owner: str) -> None:
    assert api.post(f"{owner}/docs", {"title": "t", "content": "one"}).json()["content"] == ["one"]


def test_nulls_count_as_absent(api: ApiClient, owner: str) -> None:
    body = {"title": "t", "content": "one", "metadata": None, "embed_instruction": None}
    answer = api.post(f"{owner}/docs", body)
    assert (answer.status_code, answer.json()["metadata"]) == (201, {})


@pytest.mark.parametrize(
    ("change", "loc", "kind"),
    [
        ({"title": None}, "title", "string_type"),
        ({"title": ""}, "title", "string_too_short"),
        ({"title": "x" * 801}, "title", "string_too_long"),
        ({"title": 7}, "title", "string_type"),
        ({"content": None}, "content", "list_type"),
        ({"content": []}, "content", "too_short"),
        ({"content": ["x"] * 10_001}, "content", "too_long"),
        ({"content": {"a": 1}}, "content", "list_type"),
        ({"content": ["a", 7]}, "content[1]", "string_type"),
        ({"content": ["a", " \n"]}, "content[1]", "string_too_short"),
        ({"content": ["a", "x" * 30_001]}, "content[1]", "string_too_long"),
        ({"metadata": [1]}, "metadata", "dict_type"),
    ],
)
def test_bad_bodies(api: ApiClient, agent: str, change: dict[str, Any], loc: str, kind: str) -> None:
    answer = api.post(f"/agents/{agent}/docs", {"title": "t", "content": "c", **change})
    details = answer.json()["error"]["details"]
    assert (answer.status_code, [(detail["loc"], detail["type"]) for detail in details]) == (422, [(loc, kind)])
    assert not Doc.objects.exists()


def test_one_text_is_named_as_it_was_sent(api: ApiClient, agent: str) -> None:
    answer = api.post(f"/agents/{agent}/docs", {"title": "t", "content": "\u00e9" * 30_001})
    (detail,) = answer.json()["error"]["details"]
    assert detail == {
        "loc": "content",
        "msg": "String should have at most 30000 characters",
        "type": "string_too_long",
        "received": "\u00e9" * 100 + "...",
        "fix": "Shorten the text to at most 30000 characters",
        "note": "The text has 30001 characters",
    }


def test_text_that_cannot_be_stored(api: ApiClient, agent: str) -> None:
    stored = api.post(f"/agents/{agent}/docs", {"title": "a\x00b", "content": "c\x00"})
    assert (stored.json()["title"], stored.json()["content"]) == ("ab", ["c"])
    lone = api.send("POST", f"/agents/{agent}/docs", raw=b'{"title": "t", "content": "\\ud800"}')
    assert (lone.status_code, lone.json()["error"]["details"][0]["type"]) == (422, "json_invalid")


def test_the_same_doc_twice(api: ApiClient, owner: str, agent: str, user: str) -> None:
    body = {"title": "t", "content": ["a", "b"]}
    assert api.post(f"{owner}/docs", body).status_code == 201
    again = api.post(f"{owner}/docs", {**body, "metadata": {"other": 1}})
    assert again.status_code == 409
    assert "A doc with this content already exists" in again.json()["error"]["message"]
    assert again.headers["x-should-retry"] == "false"
    others = [f"/users/{user}" if "agents" in owner else f"/agents/{agent}"]
    assert [api.post(f"{other}/docs", body).status_code for other in others] == [201]
    assert api.post(f"{owner}/docs", {**body, "title": "u"}).status_code == 201
    assert api.post(f"{owner}/docs", {**body, "content": "ab"}).status_code == 201


@pytest.mark.parametrize("kind", ["agent", "user"])
def test_an_owner_that_does_not_exist(api: ApiClient, stranger: Developer, kind: str) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    model: Any = Agent if kind == "agent" else User
    foreign = model.objects.create(developer=stranger, project=project, name="theirs")
    for owner_id in (MISSING, foreign.pk):
        path = f"/{kind}s/{owner_id}/docs"
        answer = api.post(path, {"title": "t", "content": "c"})
        expected = (409, f"The reference to the {kind} was not found during create")
        assert (answer.status_code, answer.json()["error"]["message"]) == expected
        listed = api.get(path)
        assert (listed.status_code, listed.json()["error"]["message"]) == (404, f"{kind.capitalize()} not found")
        assert api.send("DELETE", path, {"delete_all": True}).status_code == 404
    assert not Doc.objects.exists()


def test_docs_of_others_look_missing(api: ApiClient, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = Agent.objects.create(developer=stranger, project=project, name="theirs", canonical_name="a")
    theirs = Doc.objects.create(developer=stranger, agent=foreign, title="secret", content_hash="x")
    for doc_id in (theirs.pk, MISSING):
        answer = api.get(f"/docs/{doc_id}")
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Doc not found")
        assert api.delete(f"/agents/{foreign.pk}/docs/{doc_id}").status_code == 404
    assert Doc.objects.exists()


def test_bad_ids(api: ApiClient, agent: str) -> None:
    for path in ("/docs/nonsense", "/agents/nonsense/docs", "/users/nonsense/docs"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["error"]["details"][0]["type"]) == (422, "uuid_parsing")
    assert api.delete(f"/agents/{agent}/docs/nonsense").status_code == 422


def test_delete(api: ApiClient, owner: str, agent: str, user: str) -> None:
    doc_id = api.post(f"{owner}/docs", {"title": "t", "content": "c"}).json()["id"]
    other = f"/users/{user}" if "agents" in owner else f"/agents/{agent}"
    assert api.delete(f"{other}/docs/{doc_id}").status_code == 404
    gone = api.delete(f"{owner}/docs/{doc_id}")
    assert (gone.status_code, gone.json()["id"], gone.json()["jobs"]) == (202, doc_id, [])
    assert api.delete(f"{owner}/docs/{doc_id}").status_code == 404
    assert api.get(f"/docs/{doc_id}").status_code == 404


def test_deleting_the_owner_removes_everything(api: ApiClient, owner: str, doc: Store) -> None:
    doc(["a", "b"], (1, 0, 0), (0, 1, 0), owner=owner)
    assert Embedding.objects.count() == 2
    assert api.delete(owner).status_code == 202
    assert not any(rows.objects.exists() for rows in (Doc, Chunk, DocEmbedding, Embedding))


def _titles(api: ApiClient, path: str, query: Any = None) -> list[str]:
    answer = api.get(path, query)
    assert answer.status_code == 200, answer.json()
    return [item["title"] for item in answer.json()["items"]]


def test_lists(api: ApiClient, owner: str) -> None:
    for number in range(5):
        body = {"title": f"d{number}", "content": "c", "metadata": {"n": number, "it's; --": "x"}}
        assert api.post(f"{owner}/docs", body).status_code == 201
    path = f"{owner}/docs"
    assert _titles(api, path) == ["d4", "d3", "d2", "d1", "d0"]
    assert [_titles(api, path, {"limit": 2, "offset": offset}) for offset in (0, 2, 4, 6)] == [
        ["d4", "d3"],
        ["d2", "d1"],
        ["d0"],
        [],
    ]
    assert _titles(api, path, {"direction": "asc", "sort_by": "updated_at", "limit": 1}) == ["d0"]
    assert _titles(api, path, "metadata_filter.n=3") == ["d3"]
    assert _titles(api, path, 'metadata_filter={"n":3}') == ["d3"]
    assert len(_titles(api, path, "metadata_filter.it's%3B --=x".replace(" ", "%20"))) == 5
    assert _titles(api, path, "metadata_filter.a')%3B DELETE FROM docs_store_doc%3B --=1".replace(" ", "%20")) == []


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"limit": 0}, 400, "Limit must be between 1 and 100"),
        ({"limit": 101}, 400, "Limit must be between 1 and 100"),
        ({"offset": -1}, 400, "Offset must be >= 0"),
        ({"include_embeddings": "perhaps"}, 422, "Validation error"),
    ],
)
def test_bad_lists(api: ApiClient, agent: str, query: dict[str, Any], status: int, message: str) -> None:
    answer = api.get(f"/agents/{agent}/docs", query)
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, message)


def test_embeddings_are_shown_once_they_are_complete(
    api: ApiClient, agent: str, doc: Store, model: KnownVectors
) -> None:
    doc_id = doc(["a", "b"], (0.6, 0.8, 0), (0, 0, 2))
    shown = api.get(f"/docs/{doc_id}").json()
    assert (shown["embedding_state"], shown["embedding_dimensions"]) == ("ready", 3)
    assert shown["embeddings"] == [[pytest.approx(0.6), pytest.approx(0.8), 0], [0, 0, 2]]
    assert api.get(f"/docs/{doc_id}", {"include_embeddings": "false"}).json()["embeddings"] is None
    listed = api.get(f"/agents/{agent}/docs").json()["items"][0]
    assert listed == shown
    listed = api.get(f"/agents/{agent}/docs", {"include_embeddings": False}).json()["items"][0]
    assert listed == {**shown, "embeddings": None}
    Embedding.objects.filter(chunk__index=1).delete()
    assert api.get(f"/docs/{doc_id}").json()["embeddings"] is None


@pytest.mark.parametrize(
    ("from_model", "asked", "expected"),
    [
        (False, {}, True),
        (False, {"include_embeddings": False}, False),
        (True, {}, False),
        (True, {"include_embeddings": True}, True),
    ],
)
def test_steps_get_vectors_as_over_http_and_models_if_they_ask(
    agent: str, doc: Store, from_model: bool, asked: dict[str, Any], expected: bool
) -> None:
    doc_id = doc(["harbour"], (0, 0, 1))
    developer = Doc.objects.get().developer

    def use(arguments: dict[str, Any], **operation: str) -> Any:
        tool = {"name": "t", "type": "system", "system": operation}
        given = {**arguments, **asked}
        return run_tool(Caller(developer, "k"), WantedCall(tool, given, from_model=from_model))

    (listed,) = use({"agent_id": agent}, resource="agent", subresource="doc", operation="list")
    (hit,) = use({"agent_id": agent, "text": "harbour"}, resource="agent", subresource="doc", operation="search")[
        "docs"
    ]
    vectors = [[0, 0, 1]] if expected else None
    assert use({"doc_id": doc_id}, resource="doc", operation="get") == listed
    assert (listed["embeddings"], hit["snippet"].get("embedding")) == (vectors, vectors and vectors[0])


@pytest.mark.parametrize("include", [True, False])
def test_number_of_queries_does_not_grow_with_the_list(api: ApiClient, agent: str, doc: Store, include: bool) -> None:
    counts = []
    for size in (2, 7):
        for number in range(size):
            doc([f"{size} {number}", "b"], (1, 0, 0), (0, 1, 0))
        with CaptureQueriesContext(connection) as queries:
            items = api.get(f"/agents/{agent}/docs", {"include_embeddings": include}).json()["items"]
        assert len(items) >= size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 7


def _bulk_delete(api: ApiClient, path: str, body: Any) -> list[str]:
    answer = api.send("DELETE", f"{path}/docs", body)
    assert answer.status_code == 202, answer.json()
    items = answer.json()["items"]
    assert all(set(item) == {"id", "deleted_at", "jobs"} and item["jobs"] == [] for item in items)
    return [item["id"] for item in items]


def test_bulk_delete(api: ApiClient, owner: str, agent: str, user: str) -> None:
    ids = {}
    for name, metadata in {"a": {"k": 1}, "b": {"k": 1, "l": {"m": True}}, "c": {"k": "one"}, "d": {}}.items():
        body = {"title": name, "content": "c", "metadata": metadata}
        ids[name] = api.post(f"{owner}/docs", body).json()["id"]
    other = f"/users/{user}" if "agents" in owner else f"/agents/{agent}"
    kept = api.post(f"{other}/docs", {"title": "a", "content": "c", "metadata": {"k": 1}}).json()["id"]

    assert _bulk_delete(api, owner, None) == []
    assert _bulk_delete(api, owner, {"metadata_filter": {}, "delete_all": False}) == []
    assert _bulk_delete(api, owner, {"metadata_filter": {"k": 2}}) == []
    assert _bulk_delete(api, owner, {"metadata_filter": {"k') OR 1=1 --": 2}}) == []
    assert _bulk_delete(api, owner, {"metadata_filter": {"l": {"m": True}}}) == [ids["b"]]
    assert _bulk_delete(api, owner, {"metadata_filter": {"k": 1}}) == [ids["a"]]
    assert _bulk_delete(api, owner, {"delete_all": True}) == [ids["d"], ids["c"]]
    assert [str(left.pk) for left in Doc.objects.all()] == [kept]


def test_whole_numbers_of_any_length(api: ApiClient, agent: str) -> None:
    path, long = f"/agents/{agent}", 2**70 + 1
    ids = {
        number: api.post(f"{path}/docs", {"title": "tide", "content": str(number), "metadata": {"n": number}}).json()[
            "id"
        ]
        for number in (long, long + 1)
    }
    wanted = {"metadata_filter": {"n": long}}
    assert _found_ids(api, f"{path}/search", {"text": "tide", **wanted}) == [ids[long]]
    assert [row["metadata"] for row in api.get(f"{path}/docs", f"metadata_filter.n={long}").json()["items"]] == [
        {"n": long}
    ]
    assert len(api.get(f"{path}/docs", {"metadata_filter": json.dumps({"n": long})}).json()["items"]) == 1
    assert _bulk_delete(api, path, wanted) == [ids[long]]


def _found_ids(api: ApiClient, path: str, body: Any) -> list[str]:
    return [found["id"] for found in api.post(path, body).json()["docs"]]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ('{"a": "b\\u0000c", "\\u0000": 1}', {"a": "bc", "": 1}),
        ('{"n": 1180591620717411303425}', {"n": 2**70 + 1}),
        ("{}", {}),
    ],
)
def test_metadata_as_json_text(api: ApiClient, agent: str, text: str, stored: Any) -> None:
    answer = api.post(f"/agents/{agent}/docs", {"title": "t", "content": "c", "metadata": text})
    assert (answer.status_code, answer.json().get("metadata")) == (201, stored)


@pytest.mark.parametrize(
    "text", ['{"a":' * 950 + "1" + "}" * 950, '{"a": NaN}', '{"n": 1' + "0" * 5000 + "}", "{", '{"a": "\\ud800"}']
)
def test_json_text_that_cannot_be_stored(api: ApiClient, agent: str, text: str) -> None:
    answer = api.post(f"/agents/{agent}/docs", {"title": "t", "content": "c", "metadata": text})
    details = answer.json()["error"]["details"]
    assert (answer.status_code, [(entry["loc"], entry["type"]) for entry in details]) == (
        422,
        [("metadata", "json_invalid")],
    )


def test_a_page_too_large_to_answer_is_refused(
    api: ApiClient, agent: str, doc: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        doc([f"{number} {place}" for place in range(10)], *[(1, 0, 0)] * 10)
    path = f"/agents/{agent}/docs"
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 2 * 10 * (3 + 3 * 12) - 1)
    refused = api.get(path)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400,
        "The docs of this page are about 780 bytes together; ask for fewer with limit or leave out the vectors with "
        "include_embeddings=false",
    )
    assert len(api.get(path, {"limit": 1}).json()["items"][0]["embeddings"]) == 10
    assert len(api.get(path, {"include_embeddings": "false"}).json()["items"]) == 2
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 10)
    assert api.get(path, {"include_embeddings": "false"}).json()["error"]["message"].endswith("fewer with limit")
    assert len(api.get(path, {"limit": 1, "include_embeddings": "false"}).json()["items"]) == 1


def test_a_doc_whose_vectors_are_too_large_to_answer_is_shown_without(
    api: ApiClient, agent: str, doc: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = doc([f"{place}" for place in range(10)], *[(1, 0, 0)] * 10)
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 10 * (1 + 3 * 12) - 1)
    for path, query in ((f"/docs/{stored}", {}), (f"/agents/{agent}/docs", {"limit": 1})):
        refused = api.get(path, query)
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            400,
            "The doc is about 370 bytes with its vectors; leave out the vectors with include_embeddings=false",
        )
        assert api.get(path, {**query, "include_embeddings": "false"}).status_code == 200
    monkeypatch.setattr(selectors, "LARGEST_PAGE_BYTES", 10 * (1 + 3 * 12))
    assert len(api.get(f"/docs/{stored}").json()["embeddings"]) == 10


def test_a_bad_bulk_delete_deletes_nothing(api: ApiClient, agent: str, doc: Store) -> None:
    doc("a")
    answer = api.send("DELETE", f"/agents/{agent}/docs", {"metadata_filter": [1], "delete_all": True})
    assert (answer.status_code, answer.json()["error"]["details"][0]["loc"]) == (422, "metadata_filter")
    assert Doc.objects.count() == 1


def test_both_docs_routes(api: ApiClient) -> None:
    """`/docs` is a page, `/docs/{id}` a resource."""
    assert "text/html" in api.get("/docs").headers["Content-Type"]
    assert api.get(f"/docs/{uuid4()}").headers["Content-Type"] == "application/json"
