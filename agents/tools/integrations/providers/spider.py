"""Pages of the web, fetched by Spider."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from agents.tool_types import Effect
from agents.tools.errors import ToolError
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch, fetch_json

_JSON = "application/json"
_DOES = {
    "crawl": "Crawl a website. Gives the content of its pages.",
    "links": "List the links of a website.",
    "screenshot": "Take a screenshot of a page. Gives it as base64.",
    "search": "Search the web and give the content of what is found; `url` is what to search for.",
}


def _run(name: str, call: IntegrationCall) -> dict[str, Any]:
    """`{result: [{content, error, status, costs, url}]}`; in other formats than JSON one item with the text."""
    arguments = call.arguments
    wanted = arguments["content_type"]
    target = {"search" if name == "search" else "url": arguments["url"]}
    url = f"{address_of('spider', 'https://api.spider.cloud')}/{name}"
    parts: dict[str, Any] = {
        "json": {**(arguments.get("params") or {}), **target},
        "headers": {"Authorization": f"Bearer {call.setup['spider_api_key']}", "Content-Type": wanted},
    }
    if wanted != _JSON:
        answer = fetch(call, "POST", url, **parts)
        return {"result": [{"content": answer.content.decode("utf-8", "replace").replace("\x00", "")}]}
    found = fetch_json(call, "POST", url, **parts)
    if isinstance(found, Mapping) and isinstance(found.get("content"), list):
        found = found["content"]
    if not isinstance(found, list):
        raise ToolError("Spider did not answer with a list of pages", repeatable=True)
    return {"result": found}


METHODS = tuple(
    Method(
        provider="spider",
        name=name,
        effect=Effect.READS,
        description=does,
        run=partial(_run, name),
        arguments=schema(
            "url",
            url=text("Address of the page or website" if name != "search" else "What to search for"),
            content_type={
                "enum": [_JSON, "text/csv", "application/xml", "application/jsonl"],
                "default": _JSON,
                "description": "Format of the answer",
            },
            params={"type": "object", "description": "Further parameters of Spider, such as `limit`"},
        ),
        setup=schema("spider_api_key", spider_api_key=text("Key of the Spider API")),
        server_keys={"spider_api_key": "SPIDER_API_KEY"},
    )
    for name, does in _DOES.items()
)
