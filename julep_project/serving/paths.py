"""Which paths belong to which kind of view, as the tables of routes have them."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.urls import URLResolver, get_resolver

from julep_project.core.api.public_views import HEALTH_VIEWS


def is_stream(path: str) -> bool:
    """True for the paths of async views: their connection stays open, or they must answer while all threads are
    taken."""
    return _paths(iscoroutinefunction).fullmatch(path) is not None


def is_health(path: str) -> bool:
    """True for the paths among them that machines ask whether all is well."""
    return _paths(HEALTH_VIEWS.__contains__).fullmatch(path) is not None


def is_search(path: str) -> bool:
    """True for the searches among the resources."""
    return _paths(_searches).fullmatch(path) is not None


def _searches(view: Any) -> bool:
    return getattr(getattr(view, "cls", None), "is_search", False)


@cache
def _paths(belongs: Callable[[Any], bool]) -> re.Pattern[str]:
    routes = [text for text, view in _routes(get_resolver()) if belongs(view)]
    return re.compile(f"(?:/api)?/(?:{'|'.join(routes)})/*")


def _routes(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, Any]]:
    """Regular expressions of the routes, without the names in them, and their views."""
    for route in resolver.url_patterns:
        text = before + route.pattern.regex.pattern.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        if isinstance(route, URLResolver):
            yield from _routes(route, text)
        else:
            yield re.sub(r"\?P<\w+>", "?:", text), route.callback
