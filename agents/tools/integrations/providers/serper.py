"""Web search by Serper, or by a service that speaks like it."""

from typing import Any

from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object, hits_of, objects_in


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{result: [{title, link, snippet}]}`."""
    answer = fetch_object(
        call,
        "POST",
        f"{address_of('serper', 'https://google.serper.dev')}/search",
        json={"q": call.arguments["query"], "num": call.arguments["count"]},
        headers={"X-API-KEY": call.setup["serper_api_key"]},
    )
    hits = hits_of(objects_in(answer, "organic"), title="title", link="link", snippet="snippet")
    return {"result": hits[: call.arguments["count"]]}


METHODS = (
    Method(
        provider="serper",
        name="search",
        description="Search the web. Gives titles, links and snippets of the best pages.",
        run=search,
        arguments=schema(
            "query",
            query=text("What to search for"),
            count={"type": "integer", "minimum": 1, "maximum": 100, "default": 3},
        ),
        setup=schema("serper_api_key", serper_api_key=text("Key of the Serper API")),
        server_keys={"serper_api_key": "SERPER_API_KEY"},
        other_names={"api_key": "serper_api_key"},
    ),
)
