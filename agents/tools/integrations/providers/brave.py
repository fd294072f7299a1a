"""Web search by Brave."""

from typing import Any

from agents.tools.integrations.method import IntegrationCall, schema, search_of_the_web, text
from agents.tools.integrations.web import address_of, fetch_object, hits_of, object_in, objects_in

MOST_RESULTS = 20


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{result: [{title, link, snippet}]}`."""
    answer = fetch_object(
        call,
        "GET",
        f"{address_of('brave', 'https://api.search.brave.com')}/res/v1/web/search",
        params={"q": call.arguments["query"], "count": call.arguments["count"]},
        headers={"Accept": "application/json", "X-Subscription-Token": call.setup["brave_api_key"]},
    )
    found = objects_in(object_in(answer, "web"), "results")
    hits = hits_of(found, title="title", link="url", snippet="description")
    return {"result": hits[: call.arguments["count"]]}


METHODS = (
    search_of_the_web(
        "brave",
        search,
        most=MOST_RESULTS,
        setup=schema("brave_api_key", brave_api_key=text("Key of the Brave Search API")),
        server_keys={"brave_api_key": "BRAVE_API_KEY"},
        other_names={"api_key": "brave_api_key"},
    ),
)
