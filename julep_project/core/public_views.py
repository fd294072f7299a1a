"""Routes that need no key: the API description, its page, and health."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import MethodNotAllowed

from julep_project.core import health
from julep_project.core.api_schema import openapi_document
from julep_project.core.renderers import to_json


def openapi_json(request: HttpRequest) -> HttpResponse:
    """`/openapi.json`."""
    _only_get(request)
    return HttpResponse(openapi_document(), content_type="application/json")


def docs_page(request: HttpRequest) -> HttpResponse:
    """`/docs` and `/swagger`: a page that reads `openapi.json` beside it; all its assets are served from here."""
    _only_get(request)
    return render(request, "api_docs.html", {"title": settings.SPECTACULAR_SETTINGS["TITLE"]})


def healthz(request: HttpRequest) -> HttpResponse:
    """`/healthz`: `status` and each component, `ok` or `error`; 500 if any is in error."""
    _only_get(request)
    states = health.check()
    healthy = all(state == "ok" for state in states.values())
    body = {"status": "ok" if healthy else "error", **states}
    return HttpResponse(to_json(body), status=200 if healthy else 500, content_type="application/json")


def _only_get(request: HttpRequest) -> None:
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(request.method or "")
