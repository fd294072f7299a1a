"""Articles of Wikipedia."""

from typing import Any

from agents.tool_types import Effect
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object, object_in

_LONGEST_PAGE = 4_000


def search(call: IntegrationCall) -> dict[str, Any]:
    """`{documents: [{page_content, metadata: {title, summary, source}}]}`: the introductions of the best articles."""
    answer = fetch_object(
        call,
        "GET",
        f"{address_of('wikipedia', 'https://en.wikipedia.org')}/w/api.php",
        params={
            "action": "query",
            "format": "json",
            "generator": "search",
            "gsrsearch": call.arguments["query"],
            "gsrlimit": call.arguments["load_max_docs"],
            "prop": "extracts|info",
            "inprop": "url",
            "exintro": 1,
            "explaintext": 1,
            "exlimit": "max",
        },
    )
    pages = [page for page in object_in(object_in(answer, "query"), "pages").values() if isinstance(page, dict)]
    pages.sort(key=lambda page: page.get("index") or 0)
    return {"documents": [_document(page) for page in pages]}


def _document(page: dict[str, Any]) -> dict[str, Any]:
    content = str(page.get("extract") or "")[:_LONGEST_PAGE]
    summary = content.partition("\n")[0]
    source = str(page.get("fullurl") or "")
    return {
        "page_content": content,
        "metadata": {"title": str(page.get("title") or ""), "summary": summary, "source": source},
    }


METHODS = (
    Method(
        provider="wikipedia",
        name="search",
        effect=Effect.READS,
        description="Search Wikipedia. Gives the introductions of the articles that fit best.",
        run=search,
        arguments=schema(
            "query",
            query=text("What to search for"),
            load_max_docs={"type": "integer", "minimum": 1, "maximum": 10, "default": 2},
        ),
    ),
)
