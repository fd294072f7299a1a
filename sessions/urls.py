"""Routes of sessions."""

from django.urls import path

from julep_project.core.api.views import COLLECTION, MEMBER
from sessions.api.chat_views import chat, render
from sessions.api.views import HistoryViewSet, MessageViewSet, SessionToolViewSet, SessionViewSet

urlpatterns = [
    path("sessions", SessionViewSet.as_view(COLLECTION)),
    path("sessions/<str:id>", SessionViewSet.as_view(MEMBER)),
    path("sessions/<str:id>/history", HistoryViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("sessions/<str:id>/messages", MessageViewSet.as_view(COLLECTION)),
    path("sessions/<str:id>/tools", SessionToolViewSet.as_view({"get": "list"})),
    path("sessions/<str:id>/render", render),
    path("sessions/<str:id>/chat", chat),
]
