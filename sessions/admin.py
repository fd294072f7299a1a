"""Staff pages: for looking, not for changing."""

from collections.abc import Mapping
from typing import ClassVar

from django.contrib import admin

from agents.tools.presets import without_values
from julep_project.core.admin import ReadOnlyAdmin, Show
from sessions.models import Entry, Job, Session, Turn


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Sessions."""

    shown_as: ClassVar[Mapping[str, Show]] = {"metadata": lambda session: without_values(session.metadata)}

    list_display = ("id", "developer", "entry_count", "context_overflow", "on_busy", "created_at")
    list_select_related = ("developer",)
    list_filter = ("context_overflow", "on_busy")
    search_fields = ("id",)


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """What was said."""

    list_display = ("session", "seq", "role", "name", "source", "token_count", "model", "created_at")
    list_select_related = ("session",)
    list_filter = ("role", "source")
    search_fields = ("id", "session__id")


@admin.register(Turn)
class TurnAdmin(ReadOnlyAdmin):
    """Chats, running and over."""

    list_display = ("number", "session", "status", "stop", "lease_until", "created_at", "ended_at")
    list_select_related = ("session",)
    list_filter = ("status",)
    search_fields = ("session__id",)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Work in the background."""

    list_display = ("id", "name", "state", "session", "attempts", "created_at", "updated_at")
    list_select_related = ("session",)
    list_filter = ("name", "state")
    search_fields = ("id", "session__id")
