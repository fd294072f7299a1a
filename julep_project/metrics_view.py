"""`/metrics`: what Prometheus reads, with the operator's own key."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from agents.models import Developer
from julep_project.core.api.async_views import api_view
from julep_project.core.api.auth import principal_of, require_operator
from julep_project.core.database import Threads, run_query
from julep_project.core.telemetry.exposition import CONTENT_TYPE
from julep_project.gauges import all_metrics


@api_view("GET")
async def metrics(request: HttpRequest, developer: Developer) -> HttpResponseBase:
    """The metrics of all processes. Async, so that it is answered while every thread for requests is taken."""
    require_operator(principal_of(request))
    return HttpResponse(await run_query(all_metrics, Threads.SEARCH), content_type=CONTENT_TYPE)
