"""Web search by Serper, or by a service that speaks like it."""

from typing import Any

from agents.tools.integrations.method import IntegrationCall, schema, search_of_the_web, text
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
    search_of_the_web(
        "serper",
        search,
        most=100,
        setup=schema("serper_api_key", serper_api_key=text("Key of the Serper API")),
        server_keys={"serper_api_key": "SERPER_API_KEY"},
        other_names={"api_key": "serper_api_key"},
    ),
)
