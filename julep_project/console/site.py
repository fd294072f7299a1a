"""The site of the staff pages: the console first, the pages of the models behind it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from julep_project.console.page import POLICY, rights
from julep_project.console.permissions import VIEW, may
from julep_project.console.views import (
    audit,
    compare,
    controls,
    documents,
    errors,
    health,
    inbox,
    keys,
    overview,
    queues,
    runs,
    search,
    usage,
)
from julep_project.console.views.bulk import begin as bulk_begin
from julep_project.console.views.bulk import page as bulk_page
from julep_project.console.views.chat import context as chat_context
from julep_project.console.views.chat import page as chat_page
from julep_project.console.views.run import acts as run_acts
from julep_project.console.views.run import calls as run_calls
from julep_project.console.views.run import events as run_events
from julep_project.console.views.run import forking as run_forking
from julep_project.console.views.run import page as run_page
from julep_project.console.views.run import retrying as run_retrying
from julep_project.console.views.run import values as run_values
from julep_project.console.views.task import page as task_page
from julep_project.console.views.task import starting as task_starting
from julep_project.console.views.tools import connections, policies, servers
from julep_project.console.views.triggers import deliveries, events, hook_calls, hooks, schedules, webhooks
from julep_project.console.views.waits import links as wait_links

# Groups of the sidebar, with the title and the route of each page.
NAVIGATION = (
    (
        "Now",
        (
            ("Overview", "index"),
            ("Runs", "console_runs"),
            ("Errors", "console_errors"),
            ("Inbox", "console_inbox"),
            ("Chats", "console_chats"),
        ),
    ),
    (
        "Triggers",
        (
            ("Schedules", "console_schedules"),
            ("Webhooks", "console_webhooks"),
            ("Hooks", "console_hooks"),
            ("Events", "console_events"),
        ),
    ),
    (
        "Tools",
        (
            ("Policies", "console_policies"),
            ("MCP servers", "console_servers"),
            ("Connections", "console_connections"),
        ),
    ),
    (
        "Fleet",
        (
            ("Queues & workers", "console_queues"),
            ("Bulk actions", "console_bulk"),
            ("Usage", "console_usage"),
            ("Documents", "console_documents"),
        ),
    ),
    ("System", (("Health", "console_health"), ("Controls", "console_controls"), ("Audit", "console_audit"))),
)


# Pages that are not in the sidebar, by the beginnings of their routes, and where they belong.
_SECTIONS = {
    "console_run": "console_runs",
    "console_wait": "console_inbox",
    "console_chat": "console_chats",
    "console_bulk": "console_bulk",
    "console_schedule": "console_schedules",
    "console_webhook": "console_webhooks",
    "console_delivery": "console_webhooks",
    "console_hook": "console_hooks",
    "console_event": "console_events",
    "console_policy": "console_policies",
    "console_server": "console_servers",
    "console_connection": "console_connections",
    "console_task": "console_runs",
    "console_compare": "console_runs",
}


def _section(request: HttpRequest) -> str:
    """The route of the page of the sidebar that this one belongs to; empty for the pages of the models."""
    route = (request.resolver_match.url_name if request.resolver_match else None) or ""
    for beginning, section in _SECTIONS.items():
        if route.startswith(beginning):
            return section
    return route if route.startswith("console_") or route == "index" else ""


class ConsoleSite(admin.AdminSite):
    """Django's admin site with pages of its own, which those may see who have `console.view_console`."""

    site_header = site_title = "Agents backend"
    site_url = "/docs"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The pages of the console, then those of the models."""
        own = [*self._pages_of_runs(), *self._pages_of_triggers(), *self._pages_of_tools(), *self._other_pages()]
        return [*own, *super().get_urls()]

    def _pages_of_runs(self) -> list[URLPattern]:
        run = "runs/<uuid:run_id>/"
        return [
            path("search/", self._page(search.find), name="console_search"),
            path("runs/", self._page(runs.listing), name="console_runs"),
            path("runs/histogram/", self._page(runs.bars), name="console_histogram"),
            path(run, self._page(run_page.overview), name="console_run"),
            path(f"{run}head/", self._page(run_page.head), name="console_run_head"),
            path(f"{run}rows/", self._page(run_page.rows), name="console_run_rows"),
            path(f"{run}detail/", self._page(run_page.detail), name="console_run_detail"),
            path(f"{run}value/", self._page(run_values.value), name="console_run_value"),
            path(f"{run}calls/<uuid:call_id>/", self._page(run_calls.call), name="console_run_call"),
            path(f"{run}retry/", self._page(run_retrying.preview), name="console_run_retry"),
            path(f"{run}retry/begin/", self._page(run_retrying.begin), name="console_run_retry_begin"),
            path(f"{run}fork/", self._page(run_forking.ask), name="console_run_fork"),
            path(f"{run}fork/begin/", self._page(run_forking.begin), name="console_run_fork_begin"),
            path(f"{run}cancel/", self._page(run_acts.cancel), name="console_run_cancel"),
            path(f"{run}events/", run_events.stream, name="console_run_events"),
        ]

    def _pages_of_triggers(self) -> list[URLPattern]:
        one, hook, call = "schedules/<uuid:schedule_id>/", "hooks/<uuid:hook_id>/", "hook-calls/<uuid:hook_call_id>/"
        endpoint, delivery = "webhooks/<uuid:endpoint_id>/", "deliveries/<uuid:delivery_id>/"
        acts = ("enable", "disable", "test", "replay", "rotate")
        return [
            path("schedules/", self._page(schedules.listing), name="console_schedules"),
            path(one, self._page(schedules.show), name="console_schedule"),
            *self._acts(one, "console_schedule", schedules, ("pause", "resume", "run")),
            path("webhooks/", self._page(webhooks.listing), name="console_webhooks"),
            path(endpoint, self._page(webhooks.show), name="console_webhook"),
            *self._acts(endpoint, "console_webhook", webhooks, acts),
            path(delivery, self._page(deliveries.show), name="console_delivery"),
            *self._acts(delivery, "console_delivery", deliveries, ["replay"]),
            path("hooks/", self._page(hooks.listing), name="console_hooks"),
            path(hook, self._page(hooks.show), name="console_hook"),
            *self._acts(hook, "console_hook", hooks, ("pause", "resume", "rotate", "rotate_secret")),
            path(call, self._page(hook_calls.show), name="console_hook_call"),
            *self._acts(call, "console_hook_call", hook_calls, ["replay"]),
            path("events/", self._page(events.listing), name="console_events"),
            path("events/<uuid:event_id>/", self._page(events.show), name="console_event"),
        ]

    def _pages_of_tools(self) -> list[URLPattern]:
        server, connection = "mcp-servers/<uuid:server_id>/", "connections/<uuid:connection_id>/"
        return [
            path("policies/", self._page(policies.listing), name="console_policies"),
            path("policies/<uuid:agent_id>/", self._page(policies.show), name="console_policy"),
            path("mcp-servers/", self._page(servers.listing), name="console_servers"),
            path(server, self._page(servers.show), name="console_server"),
            *self._acts(server, "console_server", servers, ("refresh", "accept")),
            path("connections/", self._page(connections.listing), name="console_connections"),
            path(connection, self._page(connections.show), name="console_connection"),
            *self._acts(connection, "console_connection", connections, ["revoke"]),
        ]

    def _acts(self, place: str, route: str, views: Any, names: Iterable[str]) -> list[URLPattern]:
        """Acts on what the place names: functions of one module."""
        return [path(f"{place}{name}/", self._page(getattr(views, name)), name=f"{route}_{name}") for name in names]

    def _other_pages(self) -> list[URLPattern]:
        chat = "chats/<uuid:session_id>/"
        return [
            path("compare/", self._page(compare.show), name="console_compare"),
            path("compare/choose/", self._page(compare.choose), name="console_compare_choose"),
            path("compare/step/", self._page(compare.step), name="console_compare_step"),
            path("tasks/<uuid:task_id>/", self._page(task_page.show), name="console_task"),
            path("tasks/<uuid:task_id>/start/", self._page(task_starting.form), name="console_task_start"),
            path("tasks/<uuid:task_id>/start/begin/", self._page(task_starting.begin), name="console_task_begin"),
            path("bulk/", self._page(bulk_page.listing), name="console_bulk"),
            path("bulk/new/", self._page(bulk_begin.preview), name="console_bulk_new"),
            path("bulk/begin/", self._page(bulk_begin.begin), name="console_bulk_begin"),
            path("bulk/<uuid:bulk_id>/", self._page(bulk_page.show), name="console_bulk_action"),
            path("bulk/<uuid:bulk_id>/abort/", self._page(bulk_page.abort), name="console_bulk_abort"),
            path("errors/", self._page(errors.listing), name="console_errors"),
            path("errors/mark/", self._page(errors.mark), name="console_errors_mark"),
            path("queues/", self._page(queues.overview), name="console_queues"),
            path("queues/workers/", self._page(queues.workers), name="console_workers"),
            path("queues/ring/", self._page(queues.ring), name="console_ring"),
            path("queues/workers/<uuid:worker_id>/drain/", self._page(queues.drain), name="console_drain"),
            path("audit/", self._page(audit.listing), name="console_audit"),
            path("chats/", self._page(chat_page.listing), name="console_chats"),
            path(chat, self._page(chat_page.show), name="console_chat"),
            path(f"{chat}now/", self._page(chat_context.now_rendered), name="console_chat_now"),
            path(f"{chat}replies/<uuid:entry_id>/", self._page(chat_context.reply), name="console_chat_context"),
            path("usage/", self._page(usage.listing), name="console_usage"),
            path("documents/", self._page(documents.overview), name="console_documents"),
            path("documents/retry/", self._page(documents.retry), name="console_documents_retry"),
            path("health/", self._page(health.overview), name="console_health"),
            path("health/doctor/", self._page(health.lines), name="console_doctor"),
            path("controls/", self._page(controls.overview), name="console_controls"),
            path("controls/pause/", self._page(controls.make_pause), name="console_pause"),
            path("controls/<uuid:pause_id>/lift/", self._page(controls.lift_pause), name="console_lift"),
            path("controls/keys/", self._page(keys.create), name="console_key_new"),
            path("controls/keys/<uuid:key_id>/revoke/", self._page(keys.revoke), name="console_key_revoke"),
            path("inbox/", self._page(inbox.listing), name="console_inbox"),
            path("inbox/<uuid:wait_id>/", self._page(inbox.show), name="console_wait"),
            path("inbox/<uuid:wait_id>/answer/", self._page(inbox.answer), name="console_answer"),
            path("inbox/<uuid:wait_id>/links/", self._page(wait_links.make), name="console_wait_link"),
            path(
                "inbox/<uuid:wait_id>/links/<uuid:link_id>/", self._page(wait_links.revoke), name="console_wait_unlink"
            ),
        ]

    def _page(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        page: Callable[..., HttpResponse] = self.admin_view(view)
        return page

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """A page for staff only, with the policy of what it may load."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
            response: HttpResponse = inner(request, *arguments, **options)
            response.headers.setdefault("Content-Security-Policy", POLICY)
            return response

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The login page, under the same policy."""
        response: HttpResponse = super().login(request, extra_context)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Where staff begin: with an overview, or with the models they may see."""
        if may(request, VIEW):
            return overview.show(request)
        return super().index(request, extra_context)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page shows: the sidebar, and what who asks may do."""
        is_known = may(request, VIEW)
        return {
            **super().each_context(request),
            **rights(request),
            "console_navigation": NAVIGATION if is_known else (),
            "is_console": is_known,
            "section": _section(request),
        }
