"""Requests of the providers, through the safe client."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from agents.tools.errors import ToolError
from agents.tools.exchange import exchange, json_of
from agents.tools.integrations.method import IntegrationCall
from julep_project.core.http import IncomingResponse, OutgoingRequest, origin_of


def address_of(provider: str, public: str) -> str:
    """Where a provider is reached: its public address, unless the operator names another."""
    return str(settings.INTEGRATION_ADDRESSES.get(provider, public)).rstrip("/")


def is_named(provider: str, url: str) -> bool:
    """Whether a URL leads to the place that the operator names for the provider, private or not."""
    named = settings.INTEGRATION_ADDRESSES.get(provider)
    return named is not None and origin_of(named) == origin_of(url)


def fetch(call: IntegrationCall, method: str, url: str, **parts: Any) -> IncomingResponse:
    """One request within the time of the call; `parts` are fields of `OutgoingRequest`.

    Raises:
        ToolError: no answer, or one with a status outside 200-299.
    """
    timeout_s = min(float(settings.JULEP_HTTP_TIMEOUT_S), call.seconds_left())
    request = OutgoingRequest(method, url, timeout_s=timeout_s, is_named=is_named(call.provider, url), **parts)
    return exchange(request)


def fetch_json(call: IntegrationCall, method: str, url: str, **parts: Any) -> Any:
    """One request whose answer is JSON.

    Raises:
        ToolError: also when the answer is something else.
    """
    answer = fetch(call, method, url, **parts)
    value = json_of(answer)
    if value is None:
        raise ToolError("the provider did not answer with JSON", repeatable=True)
    return value


def fetch_object(call: IntegrationCall, method: str, url: str, **parts: Any) -> Mapping[str, Any]:
    """One request whose answer is a JSON object.

    Raises:
        ToolError: also when the answer is something else.
    """
    value = fetch_json(call, method, url, **parts)
    if not isinstance(value, Mapping):
        raise ToolError("the provider did not answer with a JSON object", repeatable=True)
    return value


def hits_of(found: Iterable[Mapping[str, Any]], *, title: str, link: str, snippet: str) -> list[dict[str, str]]:
    """Pages that a search found, under the names every search provider gives; the service has its own for them."""
    names = {"title": title, "link": link, "snippet": snippet}
    return [{ours: str(hit.get(theirs) or "") for ours, theirs in names.items()} for hit in found]


def object_in(value: Any, name: str) -> Mapping[str, Any]:
    """An object inside an answer; an empty one when the provider left it out."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def objects_in(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list inside an answer; none when the provider left it out."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
