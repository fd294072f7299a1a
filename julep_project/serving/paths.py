"""Which paths belong to which kind of view."""

import re
from collections.abc import Iterator
from functools import cache

from asgiref.sync import iscoroutinefunction
from django.urls import URLResolver, get_resolver

HEALTH_PATH = re.compile(r"(?:/api)?/(?:livez|readyz|healthz)/*")
SEARCH_PATH = re.compile(r"(?:/api)?/(?:agents|users)/[^/]+/search/*")


@cache
def stream_paths() -> re.Pattern[str]:
    """What leads to views that are async: their connection stays open, or they must answer while all threads are
    taken."""
    return re.compile(f"(?:/api)?/(?:{'|'.join(_async_routes(get_resolver()))})/*")


def _async_routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Regular expressions of the routes, without the names in them."""
    for route in resolver.url_patterns:
        text = before + route.pattern.regex.pattern.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(route, URLResolver):
            yield from _async_routes(route, text)
        elif iscoroutinefunction(route.callback):
            yield re.sub(r"\?P<\w+>", "?:", text)


def is_stream(path: str) -> bool:
    """True for the paths that belong to the async views."""
    return stream_paths().fullmatch(path) is not None


def is_health(path: str) -> bool:
    """True for the paths among them that machines ask whether all is well."""
    return HEALTH_PATH.fullmatch(path) is not None


def is_search(path: str) -> bool:
    """True for the searches among the resources."""
    return SEARCH_PATH.fullmatch(path) is not None
