"""The document as a whole."""

import json
import re
from collections.abc import Iterator
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS

from julep_project.core.api.api_document import openapi_document


def test_nothing_is_complained_of_while_it_is_made() -> None:
    """Of two answers whose classes have one name only one would be described."""
    assert openapi_document()
    assert not GENERATOR_STATS, "see what is printed on stderr"


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in json.loads(openapi_document())["paths"].items():
        for method, operation in operations.items():
            yield f"{method} {path}", operation


def test_generators_tell_the_parameters_of_an_operation_apart() -> None:
    """They make an identifier of each name, and leave out an operation with two that are the same."""
    alike = {}
    for place, operation in _operations():
        names = [re.sub(r"[^a-z0-9]+", "", each["name"].lower()) for each in operation["parameters"] if "name" in each]
        if len(set(names)) < len(names):
            alike[place] = names
    assert not alike


def test_each_operation_says_in_its_title_what_it_does() -> None:
    unsaid = [
        f"{place}: {operation['summary']}" for place, operation in _operations() if "`" in operation["summary"][:1]
    ]
    titles = {place: operation["summary"] for place, operation in _operations()}
    removing = {place for place in titles if place.startswith("delete ")}
    alike = [place for place in removing if titles[place] == titles.get(place.replace("delete ", "get "))]
    assert not unsaid and not alike


def test_a_chat_may_be_one_text() -> None:
    """As the README has it: a client made of the description has to be able to send it."""
    schemas = json.loads(openapi_document())["components"]["schemas"]
    for _, operation in _operations():
        if operation["operationId"] in ("session_chat", "session_render"):
            name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
            assert "message" in schemas[name]["properties"] and "messages" not in schemas[name].get("required", ())


def test_what_needs_no_key_says_so() -> None:
    """And has what its callers send by other means: signatures in headers, whatever body and query they have."""
    (described,) = (operation for _, operation in _operations() if operation["security"] == [])
    headers = {each["name"] for each in described["parameters"] if each.get("in") == "header"}
    assert described["operationId"] == "hook_call" and described["tags"] == ["hooks"]
    assert {"webhook-signature", "x-hub-signature-256", "x-slack-signature", "stripe-signature"} <= headers
    assert {"application/json", "application/x-www-form-urlencoded", "text/plain"} == set(
        described["requestBody"]["content"]
    )
    assert {"202", "400", "403", "404", "409", "413", "422", "429", "503"} <= set(described["responses"])
    names = {each.get("$ref", "") for each in described["parameters"]}
    assert "#/components/parameters/Idempotency-Key" not in names


def test_the_mcp_server_is_described() -> None:
    (described,) = (operation for place, operation in _operations() if place == "post /mcp")
    assert described["security"] == [{"apiKey": []}] and described["tags"] == ["mcp"]
    assert {"application/json", "text/event-stream"} == set(described["responses"]["200"]["content"])
    assert {"202", "400", "401", "406"} <= set(described["responses"])
