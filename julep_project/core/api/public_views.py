"""Routes that need no key: the API description, its page, the guides, and health.

Those of health are async, so that they are answered while every thread for requests is taken.
"""

import asyncio
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import MethodNotAllowed

from julep_project.core.api.api_document import openapi_document
from julep_project.core.api.guides import guides, html_of
from julep_project.core.api.renderers import to_json
from julep_project.core.errors import NotFound
from julep_project.core.health import health

_NOTHING_RUNS = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def openapi_json(request: HttpRequest) -> HttpResponse:
    """`/openapi.json`."""
    _only_get(request)
    return HttpResponse(openapi_document(), content_type="application/json")


def docs_page(request: HttpRequest) -> HttpResponse:
    """`/docs` and `/swagger`: a page that reads `openapi.json` beside it; all its assets are served from here."""
    _only_get(request)
    title = settings.SPECTACULAR_SETTINGS["TITLE"]
    return render(request, "api_docs.html", {"title": title, "guides": guides().values()})


def guide_page(request: HttpRequest, name: str) -> HttpResponse:
    """`/guides/{name}`: a page without anything that runs."""
    _only_get(request)
    guide = guides().get(name)
    if guide is None:
        raise NotFound("There is no such guide")
    page = render(request, "guide.html", {"guide": guide, "html": html_of(guide), "guides": guides().values()})
    page.headers["Content-Security-Policy"] = _NOTHING_RUNS
    return page


async def livez(request: HttpRequest) -> HttpResponse:
    """`/livez`: this process answers. It looks at nothing else: restarting a process mends no neighbour."""
    _only_get(request)
    return _state(200, {})


async def readyz(request: HttpRequest) -> HttpResponse:
    """`/readyz`: what requests cannot be served without; 503 while any of it is in error."""
    _only_get(request)
    states = await asyncio.wrap_future(health.NEEDED_PARTS.ask())
    return _state(200 if _are_fine(states.values()) else 503, states)


async def healthz(request: HttpRequest) -> HttpResponse:
    """`/healthz`: `status` and each component, `ok` or `error`.

    503 while requests cannot be served. A dead worker shows in the body alone: the API serves all the same.
    """
    _only_get(request)
    states = await asyncio.wrap_future(health.ALL_PARTS.ask())
    return _state(200 if _are_fine(states.get(name, "ok") for name in health.NEEDED) else 503, states)


HEALTH_VIEWS = (livez, readyz, healthz)


def _are_fine(states: Iterable[str]) -> bool:
    return all(state == "ok" for state in states)


def _state(status: int, states: Mapping[str, str]) -> HttpResponse:
    body = {"status": "ok" if _are_fine(states.values()) else "error", **states}
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "2"} if status == 503 else {})
    return HttpResponse(to_json(body), status=status, content_type="application/json", headers=headers)


def _only_get(request: HttpRequest) -> None:
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(request.method or "")
