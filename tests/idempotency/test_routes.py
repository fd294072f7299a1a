"""Every route whose requests change something knows `Idempotency-Key`."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver

from julep_project.core.api.views import ApiMixin
from julep_project.core.health.witness_view import WitnessView

# Not of the API: pages of staff, the description, what processes of the installation tell each other, what is nowhere.
_OTHERS = {"docs_page", "guide_page", "openapi_json", "unknown_route", "livez", "readyz", "healthz"}
# A link answers or signs in once by itself, and a hook knows calls that come again.
_OTHERS |= {"answer_page", "hook_door", "connect_page", "callback_page"}
# Of the path of earlier versions: calls the view of the other one.
_OTHERS |= {"stream_transitions_elsewhere"}
# Is read only, and without a key.
_OTHERS |= {"protected_resource", "client_document"}


def _routes(resolver: URLResolver) -> Iterator[tuple[str, Any]]:
    for route in resolver.url_patterns:
        if isinstance(route, URLResolver):
            if route.app_name != "admin":
                yield from _routes(route)
        else:
            yield str(route.pattern), route.callback


def _is_other(view: Any) -> bool:
    return view.__name__ in _OTHERS or getattr(view, "view_class", None) is WitnessView


def _is_served_once(view: Any) -> bool:
    return hasattr(view, "methods") or issubclass(getattr(view, "cls", object), ApiMixin)


def test_every_route() -> None:
    routes = [(path, view) for path, view in _routes(get_resolver()) if not _is_other(view)]
    assert len(routes) > 40
    assert [path for path, view in routes if not _is_served_once(view)] == []


def test_no_view_goes_around_it() -> None:
    classes = {view.cls for _, view in _routes(get_resolver()) if issubclass(getattr(view, "cls", object), ApiMixin)}
    assert len(classes) > 10
    assert {view.initial for view in classes} == {ApiMixin.initial}
