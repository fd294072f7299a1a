"""Staff pages: for looking, not for changing."""

from django.contrib import admin

from julep_project.core.admin import ReadOnlyAdmin
from sessions.responses.models import Conversation, StoredResponse


@admin.register(StoredResponse)
class StoredResponseAdmin(ReadOnlyAdmin):
    """Answers of `/responses`."""

    list_display = ("id", "developer", "status", "created_at")
    list_select_related = ("developer",)
    list_filter = ("status",)
    search_fields = ("id",)


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Threads of items that responses continue."""

    list_display = ("id", "developer", "item_count", "created_at", "changed_at")
    list_select_related = ("developer",)
    search_fields = ("id",)
