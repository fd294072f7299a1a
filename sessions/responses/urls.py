"""Routes of responses and conversations, with and without `/v1`."""

from typing import Any

from django.urls import re_path

from sessions.responses.api import views
from sessions.responses.api.conversation_views import ConversationItemViewSet, ConversationViewSet

_ONE = r"^(?:v1/)?responses/(?P<reference>[^/]+)"
_CONVERSATIONS = r"^(?:v1/)?conversations"
_CONVERSATION = _CONVERSATIONS + r"/(?P<reference>[^/]+)"
_MEMBER: dict[str, Any] = {"get": "retrieve", "post": "create_or_update", "delete": "destroy"}

urlpatterns = [
    re_path(r"^(?:v1/)?responses$", views.create),
    re_path(r"^(?:v1/)?responses/compact$", views.compact),
    re_path(r"^(?:v1/)?responses/input_tokens$", views.input_tokens),
    re_path(_ONE + "$", views.member),
    re_path(_ONE + "/cancel$", views.cancel),
    re_path(_ONE + "/input_items$", views.input_items),
    re_path(_CONVERSATIONS + "$", ConversationViewSet.as_view({"post": "create"})),
    re_path(_CONVERSATION + "$", ConversationViewSet.as_view(_MEMBER)),
    re_path(_CONVERSATION + "/items$", ConversationItemViewSet.as_view({"get": "list", "post": "create"})),
    re_path(
        _CONVERSATION + "/items/(?P<item>[^/]+)$",
        ConversationItemViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
    ),
]
