"""Searches in vector stores: by words and vectors, in files with attributes."""

from typing import Any

import pytest
from openai.types import VectorStoreSearchResponse

from tests.api_client import ApiClient
from tests.judging import judged
from tests.stores.conftest import Send, read_files

pytestmark = pytest.mark.django_db(transaction=True)

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "tides.txt": ("High tide is at noon. Low tide comes in the evening.", {"kind": "sea", "year": 2024, "old": False}),
    "bread.txt": ("Bread needs an oven and some patience.", {"kind": "food", "year": 2025.5, "old": True}),
    "moon.txt": ("The moon pulls at the sea, and tides follow.", {"kind": "sky", "2024": "x"}),
}


@pytest.fixture
def path(store: Send, file_id: Send, api: ApiClient) -> str:
    """A vector store with files that are read."""
    made = store()
    for name, (text, attributes) in FILES.items():
        body = {"file_id": file_id(text.encode(), name), "attributes": attributes}
        assert api.post(f"{made}/files", body).status_code == 200
    read_files()
    return made


def compared(type_: str, key: str, value: Any) -> dict[str, Any]:
    return {"type": type_, "key": key, "value": value}


def test_what_is_found(api: ApiClient, path: str) -> None:
    def found(**body: Any) -> list[VectorStoreSearchResponse]:
        answer = api.post(f"{path}/search", {"query": "tides", **body})
        assert answer.status_code == 200, answer.content
        page = answer.json()
        assert (page["object"], page["has_more"], page["next_page"]) == (
            "vector_store.search_results.page",
            False,
            None,
        )
        return [judged(VectorStoreSearchResponse, each) for each in page["data"]]

    def names(**body: Any) -> set[str]:
        return {each.filename.removesuffix(".txt") for each in found(**body)}

    best = found(query="high tide at noon")
    assert (best[0].filename, best[0].content[0].text) == ("tides.txt", FILES["tides.txt"][0])
    assert best[0].attributes == FILES["tides.txt"][1]
    assert api.get(f"/v1/files/{best[0].file_id}").json()["filename"] == "tides.txt"
    scores = [each.score for each in best]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
    assert len(found(max_num_results=1)) == 1
    both = [each.filename for each in found(query=["noon", "oven"], max_num_results=2)]
    assert set(both) == {"tides.txt", "bread.txt"}
    least = {"score_threshold": scores[0]}
    assert [each.filename for each in found(query="high tide at noon", ranking_options=least)] == ["tides.txt"]
    assert found(ranking_options={"score_threshold": 1}) == []
    assert api.post(f"{path.removeprefix('/v1')}/search", {"query": "oven"}).json()["data"]
    assert len(found(ranking_options={"ranker": "none"}, rewrite_query=False)) == 3

    for filters, expected in (
        (compared("eq", "kind", "sea"), {"tides"}),
        (compared("eq", "old", False), {"tides"}),
        (compared("eq", "year", 2024.0), {"tides"}),
        (compared("eq", "year", "2024"), set()),
        (compared("eq", "2024", "x"), {"moon"}),
        (compared("ne", "kind", "sea"), {"bread", "moon"}),
        (compared("gt", "year", 2024), {"bread"}),
        (compared("gte", "year", 2024), {"tides", "bread"}),
        (compared("lt", "year", 2025.5), {"tides"}),
        (compared("lte", "kind", "sea"), {"tides", "bread"}),
        (compared("gt", "2024", "w"), {"moon"}),
        (compared("in", "kind", ["sea", "sky", 7]), {"tides", "moon"}),
        (compared("nin", "kind", ["sea", "sky"]), {"bread"}),
        ({"type": "or", "filters": [compared("eq", "kind", "sea"), compared("eq", "old", True)]}, {"tides", "bread"}),
        (
            {
                "type": "and",
                "filters": [
                    compared("gt", "year", 2000),
                    {"type": "or", "filters": [compared("ne", "old", True), compared("eq", "kind", "sky")]},
                ],
            },
            {"tides"},
        ),
        (compared("eq", "kind' OR 1=1 --", "%s"), set()),
    ):
        assert names(filters=filters) == expected, filters


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": []}, "query"),
        ({"query": [7]}, "query[0]"),
        ({"query": ["x"] * 11}, "query"),
        ({"query": "x" * 4097}, "query"),
        ({"query": "x", "max_num_results": 51}, "max_num_results"),
        ({"query": "x", "max_num_results": True}, "max_num_results"),
        ({"query": "x", "rewrite_query": True}, "rewrite_query"),
        ({"query": "x", "ranking_options": {"ranker": "best"}}, "ranking_options.ranker"),
        ({"query": "x", "ranking_options": {"score_threshold": 2}}, "ranking_options.score_threshold"),
        ({"query": "x", "limit": 3}, "limit"),
        ({"query": "x", "filters": {"type": "like", "key": "k", "value": "v"}}, "filters.type"),
        ({"query": "x", "filters": {"type": [], "key": "k", "value": "v"}}, "filters.type"),
        ({"query": "x", "filters": {"type": "eq", "value": "v"}}, "filters.key"),
        ({"query": "x", "filters": {"type": "eq", "key": "k"}}, "filters.value"),
        ({"query": "x", "filters": {"type": "eq", "key": "k", "value": {"a": 1}}}, "filters.value"),
        ({"query": "x", "filters": {"type": "gt", "key": "k", "value": True}}, "filters.value"),
        ({"query": "x", "filters": {"type": "in", "key": "k", "value": "v"}}, "filters.value"),
        ({"query": "x", "filters": {"type": "in", "key": "k", "value": [None]}}, "filters.value[0]"),
        ({"query": "x", "filters": {"type": "and", "filters": []}}, "filters.filters"),
        ({"query": "x", "filters": {"type": "and", "filters": [[]]}}, "filters.filters[0]"),
    ],
)
@pytest.mark.django_db(transaction=False)
def test_what_is_wrong_is_named(api: ApiClient, body: Any, place: str) -> None:
    """Before anything is looked up."""
    answer = api.post(f"/v1/vector_stores/vs_{'0' * 32}/search", body)
    assert answer.status_code in (400, 422), answer.content
    assert place in str(answer.json()["error"])


@pytest.mark.django_db(transaction=False)
def test_filters_are_bounded(api: ApiClient) -> None:
    deep: Any = compared("eq", "k", "v")
    for _ in range(8):
        deep = {"type": "and", "filters": [deep]}
    wide = {"type": "or", "filters": [compared("eq", "k", number) for number in range(101)]}
    for filters in (deep, wide):
        answer = api.post("/v1/vector_stores/vs_x/search", {"query": "x", "filters": filters})
        assert answer.status_code == 422, answer.content
