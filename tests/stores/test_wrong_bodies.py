"""Every body for vector stores with one wrong value at a time: refused with its place, and never an error of ours."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from docs_store.api.openai.bodies import (
    AttributesBody,
    BatchBody,
    StoreBody,
    StoreChanges,
    StoreFileBody,
    StoreSearchBody,
    store_query,
)
from julep_project.core.errors import BadRequest, InvalidInput
from tests.api_client import ApiClient
from tests.stores.conftest import Send
from tests.wrong_values import Wrong, wrong_values

CHUNKING = {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
PUT = {"attributes": {"flag": True, "text": "v", "number": 1.5}, "chunking_strategy": CHUNKING}
ABOUT = {"name": "n", "metadata": {"k": "v"}, "expires_after": {"anchor": "last_active_at", "days": 7}}
FILTER = {"type": "or", "filters": [{"type": "in", "key": "k", "value": ["v"]}, {"type": "lt", "key": "n", "value": 1}]}
SEARCH = {
    "query": ["q"],
    "filters": FILTER,
    "max_num_results": 3,
    "ranking_options": {"ranker": "auto", "score_threshold": 0.5},
    "rewrite_query": False,
}
# Values that may be of several types.
SEVERAL = ("attributes.", "files[0].attributes.", "filters.filters[0].value", "filters.filters[1].value", "query")


def _search(body: Any) -> Any:
    return store_query(StoreSearchBody.read(body))


# What reads a body of all the fields there are, and where it is sent to. `FILE` stands for the id of a file.
SURFACES: dict[str, tuple[Callable[[Any], Any], str, dict[str, Any]]] = {
    "new store": (
        StoreBody.read,
        "",
        {**ABOUT, "description": "d", "file_ids": ["FILE"], "chunking_strategy": CHUNKING},
    ),
    "changes": (lambda body: StoreChanges.read(body, partial=True), "/STORE", ABOUT),
    "new file": (StoreFileBody.read, "/STORE/files", {"file_id": "FILE", **PUT}),
    "attributes": (AttributesBody.read, "/STORE/files/FILE", {"attributes": PUT["attributes"]}),
    "ids": (BatchBody.read, "/STORE/file_batches", {"file_ids": ["FILE"], **PUT}),
    "files": (BatchBody.read, "/STORE/file_batches", {"files": [{"file_id": "FILE", **PUT}]}),
    "search": (_search, "/NONE/search", SEARCH),
}
# What is wrong with several of them is told of one.
OF_SEVERAL = {"files: null": "file_ids"}
_TOP: Any = re.compile(r"\w*")
# Of those that are refused, so many are sent too.
_SENT_OF = 40


@pytest.mark.parametrize("surface", SURFACES)
def test_one_wrong_value(api: ApiClient, store: Send, file_id: Send, surface: str) -> None:
    read, path, body = SURFACES[surface]
    file = file_id()
    path = "/v1/vector_stores" + path.replace("/STORE", f"/{store(file_ids=[file]).rpartition('/')[2]}")
    path, body = path.replace("FILE", file), _with(body, file)
    read(body)
    problems = []
    for number, wrong in enumerate(wrong_values(body)):
        refusal = _refusal(read, wrong)
        if refusal is None:
            if not wrong.may_be_taken and not wrong.place.startswith(SEVERAL):
                problems.append(f"{wrong} was taken")
        elif _TOP.match(refusal)[0] not in (_TOP.match(wrong.place)[0], OF_SEVERAL.get(str(wrong))):
            problems.append(f"{wrong} is told with another place: {refusal}")
        if refusal is None or number % _SENT_OF == 0:
            status = api.post(path, wrong.body).status_code
            if status >= 500 or (refusal is not None and status not in (400, 422)):
                problems.append(f"{wrong} is answered with {status}")
    for whole in ([], "text", 7, [body], {**body, "unknown": 1}):
        if api.post(path, whole).status_code not in (400, 422):
            problems.append(f"{str(whole)[:50]} was taken")
    assert problems == []


def _refusal(read: Callable[[Any], Any], wrong: Wrong) -> str | None:
    """The place that is told of; None if it is taken."""
    try:
        read(wrong.body)
    except (BadRequest, InvalidInput) as error:
        return error.param or ""
    return None


def _with(value: Any, file: str) -> Any:
    if isinstance(value, dict):
        return {name: _with(part, file) for name, part in value.items()}
    if isinstance(value, list):
        return [_with(part, file) for part in value]
    return file if value == "FILE" else value
