"""Searches through the API: every mode, filters, bad input."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Developer, Project
from docs_store.models import Doc
from tests.api_client import ApiClient
from tests.docs_store.known_vectors import KnownVectors

Store = Callable[..., str]
Search = Callable[..., list[dict[str, Any]]]

MISSING = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def search(api: ApiClient, agent: str) -> Search:
    """Searches the agent's docs (or those at `owner`); gives the references."""

    def found(*, owner: str = "", **body: Any) -> list[dict[str, Any]]:
        answer = api.post(f"{owner or f'/agents/{agent}'}/search", body)
        assert answer.status_code == 200, answer.json()
        assert set(answer.json()) == {"docs", "time"} and answer.json()["time"] > 0
        docs: list[dict[str, Any]] = answer.json()["docs"]
        return docs

    return found


def _titles(docs: list[dict[str, Any]]) -> list[str]:
    return [doc["title"] for doc in docs]


# -- text --


def test_text_search_before_there_are_vectors(search: Search, doc: Store, agent: str) -> None:
    doc_id = doc(["The sea rises.", "Storms flood the harbours."], title="Tides", metadata={"a": 1})
    [found] = search(text="harbour flooding")
    assert found.pop("distance") > 0
    assert found == {
        "id": doc_id,
        "owner": {"id": agent, "role": "agent"},
        "title": "Tides",
        "snippet": {"index": 1, "content": "Storms flood the harbours.", "embedding": None},
        "metadata": {"a": 1},
    }


def test_text_search_ranks_and_knows_titles(search: Search, doc: Store) -> None:
    doc("Ships and more ships in the harbour.", title="often")
    doc("A ship.", title="once")
    doc("Send things back within 30 days.", title="Ship policy")
    doc("Nothing of that kind.", title="other")
    found = search(text="ships", include_embeddings=False)
    assert _titles(found) == ["Ship policy", "often", "once"]
    ranks = [entry["distance"] for entry in found]
    assert ranks == sorted(ranks, reverse=True)
    assert "embedding" not in found[0]["snippet"]
    assert _titles(search(text="policy days")) == ["Ship policy"]
    assert _titles(search(text="where is the policy on ships?")) == ["Ship policy", "often", "once"]
    assert ranks[0] <= 1 and ranks[-1] > 0


def test_a_doc_of_many_chunks_does_not_crowd_out_another(search: Search, doc: Store) -> None:
    doc(["A ship, a ship, a ship."] * 500, title="many")
    doc("One ship among a great many other things that are said here.", title="one")
    assert _titles(search(text="ship", limit=2, include_embeddings=False)) == ["many", "one"]


def test_text_search_understands_what_people_type(search: Search, doc: Store) -> None:
    doc("red apples", title="red")
    doc("green apples", title="green")
    doc("red wine", title="wine")
    assert _titles(search(text="red apples"))[0] == "red"
    assert len(search(text="red apples")) == 3
    assert set(_titles(search(text='"red apples" or wine'))) == {"red", "wine", "green"}
    assert _titles(search(text='"red apples" wine')) == ["red"]
    assert _titles(search(text='"red wine" "green apples"'))[0] in {"wine", "green"}
    assert set(_titles(search(text='"apples red"'))) == {"red", "green", "wine"}
    assert _titles(search(text="apples -red")) == ["green"]
    assert _titles(search(text='apples -"red apples" -wine')) == ["green"]
    assert _titles(search(text="apples - red")) == _titles(search(text="red apples"))
    assert set(_titles(search(text="dark-red"))) == {"red", "wine"}


@pytest.mark.parametrize(
    "text",
    [
        "((((", "'!&|:*", "''''", '"', '"""" or or -', "\\", "a:b:*", "!!", "<->", "-", "--x or", "", " ", "\x00",
        "%s %(a)s {}", "' OR 1=1; --", "the", "\U0001f600", "x" * 30_000, "a " * 4_000, "(" * 30_000, "-" * 30_000,
        "- " * 9_000, "-plain " * 4_000, '-"' * 9_000, "or " * 4_000, "-(" * 40, "-!" * 40, "-)|& " * 40, "-_" * 40,
        "-.,\u00a0\u200b" * 40, '"' + "-(" * 40,
    ],
)  # fmt: skip
def test_any_text_is_safe(search: Search, doc: Store, text: str) -> None:
    doc("plain words")
    for extra in ({}, {"lang": "de"}, {"lang": "ja"}, {"vector": [1, 0, 0]}):
        assert search(text=text, **extra) == []


def test_queries_have_a_language(search: Search, doc: Store) -> None:
    doc("Die alten Häuser der Stadt", title="deutsch")
    doc("Les chevaux blancs", title="français")
    doc("東京 は 大きい", title="日本語")
    assert _titles(search(text="alte Häuser", lang="de")) == ["deutsch"]
    assert _titles(search(text="altem Häusern", lang="de-AT")) == ["deutsch"]
    assert _titles(search(text="altem Häusern", lang="en-US")) == []
    assert _titles(search(text="cheval blanc", lang="fr_FR")) == ["français"]
    assert _titles(search(text="大きい", lang="ja")) == ["日本語"]
    assert _titles(search(text="deutsch Haus", lang="deu")) == ["deutsch"]


def test_trigrams_where_the_extension_is_installed(search: Search, doc: Store) -> None:
    doc("harbour", title="exact")
    doc("harbor", title="alike")
    doc("mountain", title="other")
    assert _titles(search(text="harbour", trigram_similarity_threshold=0.5)) == ["exact"]
    with connection.cursor() as cursor:  # stands in for the extension, which the test database does not have
        cursor.execute(
            "CREATE FUNCTION word_similarity(a text, b text) RETURNS real LANGUAGE sql "
            "AS $$ SELECT CASE WHEN a = b THEN 1 WHEN left(a, 4) = left(b, 4) THEN 0.6 ELSE 0.1 END $$"
        )
    assert _titles(search(text="harbour")) == ["exact"]
    assert _titles(search(text="harbour", trigram_similarity_threshold=0.5)) == ["exact", "alike"]
    assert _titles(search(text="harbour", trigram_similarity_threshold=0.7)) == ["exact"]


# -- vector --


def test_vector_search(search: Search, doc: Store) -> None:
    doc("near", (1, 0.1, 0))
    doc("same", (2, 0, 0))
    doc("aside", (0, 1, 0))
    found = search(vector=[7, 0, 0])
    assert _titles(found) == ["same", "near"]
    assert found[0]["distance"] == pytest.approx(0, abs=1e-6)
    assert found[1]["distance"] == pytest.approx(1 - 1 / 1.01**0.5)
    assert found[0]["snippet"]["embedding"] == [2, 0, 0]
    assert _titles(search(vector=[1, 0, 0], confidence=0)) == ["same", "near", "aside"]
    assert _titles(search(vector=[1, 0, 0], confidence=0.9999)) == ["same"]
    assert _titles(search(vector=[1, 0, 0], confidence=1)) == ["same"]
    assert _titles(search(vector=[1, 0, 0], confidence=-1, limit=1)) == ["same"]


def test_opposites_are_found_with_the_lowest_confidence(search: Search, doc: Store) -> None:
    doc("opposite", (-1, 0, 0))
    assert search(vector=[1, 0, 0], confidence=-0.9) == []
    [found] = search(vector=[1, 0, 0], confidence=-1)
    assert found["distance"] == 2


def test_a_vector_of_zeros_is_never_close(search: Search, doc: Store) -> None:
    doc("nothing", (0, 0, 0))
    assert search(vector=[1, 0, 0], confidence=-1) == []


def test_one_entry_for_each_doc_with_its_best_chunk(search: Search, doc: Store) -> None:
    many = [f"part {number}" for number in range(50)]
    doc(many, *[(1, number / 100, 0) for number in reversed(range(50))], title="long")
    doc("short", (1, 1, 0))
    found = search(vector=[1, 0, 0], limit=2)
    assert [(entry["title"], entry["snippet"]["index"]) for entry in found] == [("long", 49), ("short", 0)]
    found = search(text="part", limit=2)
    assert _titles(found) == ["long"]


def test_huge_and_tiny_numbers(search: Search, doc: Store) -> None:
    doc("same", (1, 0, 0))
    assert _titles(search(vector=[1e300, 0, 0])) == ["same"]
    assert _titles(search(vector=[1e-300, 0, 0])) == ["same"]


def test_re_ranking_prefers_what_differs(search: Search, doc: Store) -> None:
    doc("first", (1, 0, 0))
    doc("double", (1, 0.01, 0))
    doc("different", (0.8, 0, 0.6))
    query = {"vector": [1, 0.001, 0], "limit": 2}
    assert _titles(search(**query, mmr_strength=0)) == ["first", "double"]
    assert _titles(search(**query, mmr_strength=0.7)) == ["first", "different"]
    assert _titles(search(vector=query["vector"], limit=3, mmr_strength=0.7)) == ["first", "double", "different"]


# -- hybrid --


def test_hybrid_search(search: Search, doc: Store) -> None:
    doc("about ships", (1, 0, 0), title="both")
    doc("about harbours", (1, 0.2, 0), title="vector only")
    doc("nothing", (0, 1, 0), title="neither")
    doc("ships", title="text only")
    query = {"text": "ships", "vector": [1, 0, 0]}

    found = search(**query)
    assert _titles(found)[0] == "both" and set(_titles(found)) == {"both", "vector only", "text only"}
    distances = [entry["distance"] for entry in found]
    assert distances == sorted(distances) and all(0 <= distance <= 1 for distance in distances)
    assert set(_titles(search(**query, alpha=1))) == {"both", "vector only"}
    assert set(_titles(search(**query, alpha=0))) == {"both", "text only"}
    assert _titles(search(**query, limit=1, k_multiplier=1)) == ["both"]
    assert _titles(search(**query, limit=1, k_multiplier=0)) == ["both"]
    assert set(_titles(search(**query, confidence=0.99))) == {"both", "text only"}


def test_hybrid_search_of_docs_without_vectors(search: Search, doc: Store) -> None:
    for number in range(5):
        doc(f"ship {number}")
    found = search(text="ship", vector=[1, 0, 0], limit=3)
    assert len(found) == 3
    assert all(entry["snippet"]["embedding"] is None for entry in found)


# -- filters, owners, limits --


@pytest.mark.parametrize("query", [{"text": "ship"}, {"vector": [1, 0, 0]}, {"text": "ship", "vector": [1, 0, 0]}])
def test_metadata_filter_and_limit(search: Search, doc: Store, query: dict[str, Any]) -> None:
    for number in range(12):
        doc(f"ship {number}", (1, number / 100, 0), metadata={"n": number % 2, "k": {"x": "it's"}})
    assert len(search(**query)) == 10
    assert len(search(**query, limit=50)) == 12
    assert len(search(**query, limit=50, metadata_filter={"n": 1})) == 6
    assert len(search(**query, limit=50, metadata_filter={"k": {"x": "it's"}})) == 12
    assert search(**query, metadata_filter={"n": 7}) == []
    assert search(**query, metadata_filter={"n') OR 1=1 --": 1}) == []


@pytest.mark.parametrize("query", [{"text": "ship"}, {"vector": [1, 0, 0]}, {"text": "ship", "vector": [1, 0, 0]}])
def test_owners_are_apart(
    search: Search, doc: Store, api: ApiClient, agent: str, user: str, stranger: Developer, query: dict[str, Any]
) -> None:
    doc("ship", (1, 0, 0))
    doc("ship", (1, 0, 0), owner=f"/users/{user}")
    [found] = search(owner=f"/users/{user}", **query)
    assert found["owner"] == {"id": user, "role": "user"}
    assert search(owner=f"/agents/{MISSING}", **query) == []
    assert search(owner=f"/users/{agent}", **query) == []
    assert api.post("/agents/nonsense/search", query).status_code == 422
    Doc.objects.update(developer=stranger)
    connection.cursor().execute(f"UPDATE docs_store_chunk SET developer_id = '{stranger.pk}'")
    connection.cursor().execute(f"UPDATE docs_store_embedding SET developer_id = '{stranger.pk}'")
    assert search(**query) == []


def test_agents_of_other_developers_look_missing(search: Search, stranger: Developer) -> None:
    project = Project.objects.create(developer=stranger, name="d", canonical_name="default")
    foreign = Agent.objects.create(developer=stranger, project=project, name="theirs", canonical_name="a")
    Doc.objects.create(developer=stranger, agent=foreign, title="secret", content_hash="x")
    assert search(owner=f"/agents/{foreign.pk}", text="secret") == []


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, "text", "missing"),
        ({"text": None, "vector": None}, "text", "missing"),
        ({"text": 7}, "text", "string_type"),
        ({"text": "x" * 30_001}, "text", "string_too_long"),
        ({"text": "x", "limit": 0}, "limit", "greater_than_equal"),
        ({"text": "x", "limit": 51}, "limit", "less_than_equal"),
        ({"text": "x", "limit": "many"}, "limit", "int_type"),
        ({"text": "x", "lang": "klingon"}, "lang", "value_error"),
        ({"text": "x", "lang": "qq-QQ"}, "lang", "value_error"),
        ({"text": "x", "lang": "en'; --"}, "lang", "value_error"),
        ({"text": "x", "trigram_similarity_threshold": 1.1}, "trigram_similarity_threshold", "less_than_equal"),
        ({"text": "x", "metadata_filter": [1]}, "metadata_filter", "dict_type"),
        ({"text": "x", "include_embeddings": "maybe"}, "include_embeddings", "bool_type"),
        ({"vector": []}, "vector", "list_type"),
        ({"vector": "far away"}, "vector", "list_type"),
        ({"vector": ["a", "b", "c"]}, "vector", "list_type"),
        ({"vector": [1, True, 0]}, "vector", "list_type"),
        ({"vector": [1, None, 0]}, "vector", "list_type"),
        ({"vector": [[1, 0, 0]]}, "vector", "list_type"),
        ({"vector": [0, 0, 0.0]}, "vector", "value_error"),
        ({"vector": [10**400, 0, 0]}, "vector", "value_error"),
        ({"vector": [1, 0]}, "vector", "value_error"),
        ({"vector": [1, 0, 0, 0]}, "vector", "value_error"),
        ({"vector": [1.0] * 16_001}, "vector", "too_long"),
        ({"vector": [1, 0, 0], "confidence": 1.1}, "confidence", "less_than_equal"),
        ({"vector": [1, 0, 0], "confidence": -1.1}, "confidence", "greater_than_equal"),
        ({"vector": [1, 0, 0], "confidence": "nan"}, "confidence", "float_type"),
        ({"vector": [1, 0, 0], "confidence": True}, "confidence", "float_type"),
        ({"vector": [1, 0, 0], "mmr_strength": 1}, "mmr_strength", "less_than"),
        ({"vector": [1, 0, 0], "mmr_strength": -0.1}, "mmr_strength", "greater_than_equal"),
        ({"vector": [1, 0, 0], "text": "x", "alpha": 1.5}, "alpha", "less_than_equal"),
        ({"vector": [1, 0, 0], "text": "x", "k_multiplier": -1}, "k_multiplier", "greater_than_equal"),
    ],
)
def test_bad_searches(
    api: ApiClient, agent: str, model: KnownVectors, body: dict[str, Any], loc: str, kind: str
) -> None:
    answer = api.post(f"/agents/{agent}/search", body)
    details = answer.json()["error"]["details"]
    assert (answer.status_code, [(entry["loc"], entry["type"]) for entry in details]) == (422, [(loc, kind)])
    assert details[0]["fix"]


def test_messages_of_bad_searches(api: ApiClient, agent: str, model: KnownVectors) -> None:
    def message(body: dict[str, Any]) -> str:
        text: str = api.post(f"/agents/{agent}/search", body).json()["error"]["details"][0]["msg"]
        return text

    assert message({"text": "x", "lang": "klingon"}) == "Invalid ISO 639 language code."
    assert message({"vector": [1, 2]}) == "Input should have 3 numbers, not 2"
    assert message({"vector": [1, 2, 3], "mmr_strength": 1}) == "Input should be less than 1"


@pytest.mark.parametrize("raw", [b'{"vector": [NaN, 0, 0]}', b'{"vector": [1e999, 0, 0]}', b'{"text": "\\udfff"}'])
def test_bodies_that_are_not_json(api: ApiClient, agent: str, raw: bytes) -> None:
    answer = api.send("POST", f"/agents/{agent}/search", raw=raw)
    assert (answer.status_code, answer.json()["error"]["details"][0]["type"]) == (422, "json_invalid")


def test_fields_of_other_modes_are_ignored(search: Search, doc: Store) -> None:
    doc("ship")
    assert _titles(search(text="ship", confidence=0.9, alpha=0.1, mmr_strength=0.3, k_multiplier=3)) == ["ship"]


# -- GET --


def test_search_by_get(api: ApiClient, agent: str, doc: Store) -> None:
    doc("a ship", (1, 0, 0), metadata={"n": 1})
    doc("two ships", (0, 1, 0), metadata={"n": 2})

    def found(query: str) -> list[str]:
        answer = api.get(f"/agents/{agent}/search", query)
        assert answer.status_code == 200, answer.json()
        return _titles(answer.json()["docs"])

    assert len(found("text=ship")) == 2
    assert found("text=ship&limit=1&include_embeddings=false") != []
    assert found("text=sh%00ip&metadata_filter.n=1") == ["a ship"]
    assert found("text=ship&metadata_filter[n]=2") == ["two ships"]
    assert found("text=ship&metadata_filter=" + quote('{"n": 2}')) == ["two ships"]
    assert found("vector=[1,0,0]") == ["a ship"]
    assert found("vector=0,1,0&confidence=0.9&text=") == ["two ships"]
    assert found("text=" + quote("'!&|:*")) == []
    assert found("text=%ED%A0%80") == []
    for query in ("", "limit=3", "text=x&limit=99", "vector=1,nan,0", "vector=1,2", "text=x&confidence=inf"):
        assert api.get(f"/agents/{agent}/search", query).status_code == 422
    assert api.get(f"/users/{MISSING}/search", "text=ship").json()["docs"] == []


@pytest.mark.parametrize(
    ("query", "most"), [({"text": "ship"}, 4), ({"vector": [1, 0, 0]}, 6), ({"text": "ship", "vector": [1, 0, 0]}, 8)]
)
def test_number_of_queries(api: ApiClient, agent: str, doc: Store, query: dict[str, Any], most: int) -> None:
    def queries_of_a_search() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(api.post(f"/agents/{agent}/search", {**query, "limit": 3}).json()["docs"]) == 3
        return len(queries)

    counts = []
    for size in (5, 10):
        for number in range(size):
            doc(f"ship {size} {number}", (1, number / 100, 0))
        # Now and then a request also reads anew what is remembered for a while.
        counts.append(min(queries_of_a_search(), queries_of_a_search()))
    assert counts[0] == counts[1] <= most
