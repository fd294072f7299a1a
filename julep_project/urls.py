"""Every route. Each app lists its own in `<app>/urls.py`; the prefix `/api` is removed by the middleware."""

from django.contrib import admin
from django.urls import include, path, re_path

from julep_project.core.api.auth import IsOperator
from julep_project.core.api.exception_handler import unknown_route
from julep_project.core.api.public_views import docs_page, guide_page, healthz, livez, openapi_json, readyz
from julep_project.core.health.witness_view import WitnessView
from julep_project.metrics_view import metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("witness/<uuid:inquiry>", WitnessView.as_view(permission_classes=[IsOperator])),
    path("openapi.json", openapi_json),
    path("docs", docs_page),
    path("swagger", docs_page),
    path("guides/<str:name>", guide_page),
    path("", include("julep_project.core.jobs.urls")),
    path("", include("agents.urls")),
    path("", include("agents.connections.urls")),
    path("", include("agents.mcp.urls")),
    path("", include("agents.vault.urls")),
    path("", include("agents.audit.urls")),
    path("", include("agents.retention.urls")),
    path("", include("agents.access.urls")),
    path("", include("agents.spending.urls")),
    path("", include("agents.webhooks.urls")),
    path("", include("docs_store.urls")),
    path("", include("sessions.urls")),
    path("", include("sessions.responses.urls")),
    path("", include("tasks.urls")),
    path("", include("executions.urls")),
    path("", include("executions.bulk.urls")),
    path("", include("executions.events.urls")),
    path("", include("executions.hooks.urls")),
    path("", include("executions.links.urls")),
    path("", include("julep_project.mcp_server.urls")),
    path("", include("executions.schedules.urls")),
    re_path("", unknown_route),
]

handler400 = "julep_project.core.api.exception_handler.bad_request"
handler404 = "julep_project.core.api.exception_handler.unknown_route"
handler500 = "julep_project.core.api.exception_handler.server_error"
