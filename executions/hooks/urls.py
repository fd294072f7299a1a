"""Routes of hooks. What is no id is a token, or nothing."""

from typing import Any

from django.urls import path, re_path

from executions.hooks.api import HookCallViewSet, HookViewSet
from executions.hooks.door import hook_door
from julep_project.core.api.views import COLLECTION

_CALLS = "hooks/<str:hook_id>/calls"
_ONE: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("hooks", HookViewSet.as_view(COLLECTION)),
    re_path(r"^hooks/(?P<id>(?![0-9a-fA-F-]{36}$)[^/]++)$", hook_door),
    path("hooks/<str:id>", HookViewSet.as_view(_ONE)),
    path("hooks/<str:id>/rotate", HookViewSet.as_view({"post": "rotate"})),
    path("hooks/<str:id>/rotate_secret", HookViewSet.as_view({"post": "rotate_secret"})),
    path(_CALLS, HookCallViewSet.as_view({"get": "list"})),
    path(f"{_CALLS}/<str:id>/replay", HookCallViewSet.as_view({"post": "replay"})),
]
