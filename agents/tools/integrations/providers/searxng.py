"""Web search by an instance of SearXNG, which must have `json` among its formats."""

from typing import Any

from agents.tools.errors import ToolError
from agents.tools.integrations.method import IntegrationCall, schema, search_of_the_web, text
from agents.tools.integrations.web import address_of, fetch_object, hits_of, objects_in


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{result: [{title, link, snippet}]}`."""
    instance = str(call.setup.get("searxng_url") or address_of("searxng", "")).rstrip("/")
    if not instance:
        raise ToolError("the setup of searxng needs searxng_url (or the server's setting INTEGRATION_ADDRESSES)")
    wanted = {name: call.arguments.get(name) for name in ("categories", "language", "time_range")}
    answer = fetch_object(
        call,
        "GET",
        f"{instance}/search",
        params={
            "q": call.arguments["query"],
            "format": "json",
            **{name: value for name, value in wanted.items() if value},
        },
    )
    hits = hits_of(objects_in(answer, "results"), title="title", link="url", snippet="content")
    return {"result": hits[: call.arguments["count"]]}


METHODS = (
    search_of_the_web(
        "searxng",
        search,
        most=100,
        more={
            "categories": text("Kinds of results, separated by commas, such as `general,news`"),
            "language": text("Code of a language, such as `de`"),
            "time_range": {"enum": ["day", "week", "month", "year"]},
        },
        setup=schema(searxng_url=text("Address of the instance")),
        other_names={"base_url": "searxng_url", "url": "searxng_url"},
    ),
)
