"""Web search for the server's own features, by whichever search integration is configured."""

from typing import Any
from uuid import uuid4

from django.conf import settings

from agents.models import Developer
from agents.tools.integrations.method import Method
from agents.tools.integrations.providers import brave, searxng, serper
from agents.tools.integrations.registry import run_method
from julep_project.core.errors import BadRequest


class SearchNotConfigured(BadRequest):
    """Web search is not configured on this server."""


def check_configured(developer: Developer) -> None:
    """Say early that a search would not work.

    Raises:
        SearchNotConfigured
    """
    _method()


def web_search(
    developer: Developer, query: str, *, limit: int = 5, timeout_s: float | None = None
) -> list[dict[str, Any]]:
    """At most `limit` pages as `{title, url, snippet}`, the best first. Blocks; holds no database connection.

    Raises:
        SearchNotConfigured: no search integration has a key.
        ToolError: the search failed; `retryable` says whether it may work later.
    """
    count = max(1, min(limit, brave.MOST_RESULTS))
    found = run_method(
        _method(), {"query": query, "count": count}, setup={}, idempotency_key=str(uuid4()), timeout_s=timeout_s
    )
    return [{"title": hit["title"], "url": hit["link"], "snippet": hit["snippet"]} for hit in found["result"]]


def _method() -> Method:
    """The search of the first provider that the operator has set up."""
    if settings.BRAVE_API_KEY:
        return brave.METHODS[0]
    if settings.SERPER_API_KEY:
        return serper.METHODS[0]
    if "searxng" in settings.INTEGRATION_ADDRESSES:
        return searxng.METHODS[0]
    raise SearchNotConfigured(
        fix="Set BRAVE_API_KEY, SERPER_API_KEY or an address of searxng in INTEGRATION_ADDRESSES on the server, or "
        "leave out the web search tool"
    )
