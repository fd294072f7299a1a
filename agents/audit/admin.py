"""Staff pages: the log to read, and the logins of staff, whose changes it has too."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from agents.audit.models import AuditRecord
from agents.audit.verbs import ObjectKind, Verb
from julep_project.core.actor import acting_as
from julep_project.core.admin import ReadOnlyAdmin, Recorded, record_staff_act, staff_actor

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin


class _OneOf(admin.SimpleListFilter):
    """A filter whose choices are known without reading the table."""

    choices_of: ClassVar[Any]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(choice.value, choice.value) for choice in self.choices_of]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        wanted = self.value()
        return queryset.filter(**{str(self.parameter_name): wanted}) if wanted else queryset


class VerbFilter(_OneOf):
    """By verb."""

    title = parameter_name = "verb"
    choices_of = Verb


class KindFilter(_OneOf):
    """By the kind of object."""

    title = "object kind"
    parameter_name = "object_kind"
    choices_of = ObjectKind


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Who did what, newest first."""

    list_display = (
        "created_at",
        "actor_kind",
        "actor_label",
        "verb",
        "object_kind",
        "object_id",
        "name",
        "developer_id",
        "address",
    )
    list_filter = (VerbFilter, KindFilter)
    search_fields = ("id__exact", "object_id__exact", "actor_id__exact", "developer__id__exact")
    raw_id_fields = ("developer",)


class StaffUserAdmin(Recorded, _UserAdmin):
    """Who may log in to these pages."""

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """A password is set, or a login made unusable."""
        with acting_as(staff_actor(request)), transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                record_staff_act(Verb.UPDATE, User.objects.get(pk=id), {}, {"password": "another"})
        return response


class StaffGroupAdmin(Recorded, GroupAdmin):
    """What they may do."""


admin.site.unregister((User, Group))
admin.site.register(User, StaffUserAdmin)
admin.site.register(Group, StaffGroupAdmin)
