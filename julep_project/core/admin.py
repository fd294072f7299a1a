"""Bases of the admin pages."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import IntegerField, Model, Q, QuerySet, UUIDField
from django.http import HttpRequest
from django.utils.module_loading import import_string

from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.api.peer import address_of

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Base = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin
    _Base = object

# Each comma in it becomes a value, and each value that will not do an error with a text.
_LONGEST_LIST = 10_000

_MASK = "***"

# What a page may show of a row in place of a field.
Show = Callable[[Any], Any]


class ShortList(SimpleArrayField):
    """Values between commas, not more than are read in a moment."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > _LONGEST_LIST:
            raise ValidationError(f"Ensure this list has at most {_LONGEST_LIST} characters.", code="max_length")
        return super().to_python(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """A list that is too long was not there before."""
        if isinstance(data, str) and len(data) > _LONGEST_LIST:
            return True
        changed: bool = super().has_changed(initial, data)
        return changed


class Recorded(_Base):
    """Pages on which staff act under their own names, and whose changes `settings.STAFF_ACT_RECORDER` is told of, in
    the transaction that makes them."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, with its actions."""
        with acting_as(staff_actor(request)):
            return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """One row, or a new one."""
        with acting_as(staff_actor(request)):
            return super().changeform_view(request, *args, **options)

    def delete_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """Whether to remove a row."""
        with acting_as(staff_actor(request)):
            return super().delete_view(request, *args, **options)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A row as the form has it."""
        super().save_model(request, obj, form, change)
        before = {name: _plain(name, form.initial.get(name)) for name in form.changed_data}
        after = {name: _plain(name, form.cleaned_data.get(name)) for name in form.changed_data}
        record_staff_act("update" if change else "create", obj, before if change else None, after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """One row, from its page."""
        record_staff_act("delete", obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        """Some rows of the list."""
        for row in queryset:
            record_staff_act("delete", row)
        super().delete_queryset(request, queryset)


def staff_actor(request: HttpRequest) -> Actor:
    """The staff user of a request to these pages."""
    user = request.user
    return Actor(ActorKind.STAFF, str(user.pk or ""), user.get_username(), address_of(request) or "")


def record_staff_act(verb: str, row: Model, before: Any = None, after: Any = None) -> None:
    """Tell of an act of the current actor."""
    import_string(settings.STAFF_ACT_RECORDER)(verb, row, before, after)


def _plain(name: str, value: Any) -> Any:
    """A value of a form as JSON; passwords are left out."""
    if "password" in name:
        return _MASK
    if isinstance(value, QuerySet | list | tuple):
        return [_plain("", one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


class ModelAdmin(Recorded, _ModelAdmin):
    """Rows that may be edited in a form."""

    formfield_overrides: ClassVar[Any] = {ArrayField: {"form_class": ShortList}}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What cannot be chosen; a row that is yet to be made has none of it to show."""
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_search_results(self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str) -> Any:
        """What has the whole text in one of its fields, and ids that are that text: no word of it by itself, and no
        column turned into text, so that an index finds the row."""
        text, found = search_term.strip(), Q(pk__in=[])
        if not text:
            return queryset, False
        for name in self.get_search_fields(request):
            found |= _names(self.model, name, text)
        return queryset.filter(found), False


class ReadOnlyAdmin(ModelAdmin):
    """Rows an edit by hand would break: they can be read and searched, nothing else.

    Fields in `shown_as` may hold secrets: a page shows what the function makes of the row, and nobody searches in
    them. The function may make a value of its own, under a name that is no field.
    """

    show_full_result_count = False
    shown_as: ClassVar[Mapping[str, Show]] = {}

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self._shown = [_as_text(name, show) for name, show in self.shown_as.items()]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        """What is shown otherwise or not at all."""
        return [*(super().get_exclude(request, obj) or ()), *self.shown_as]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fields of the page, with what stands in for others."""
        return [*super().get_readonly_fields(request, obj), *self._shown]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether a list may be narrowed by this: not by what is not shown, which could be guessed so."""
        if lookup.partition("__")[0] in {*self.shown_as, *(self.exclude or ())}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _names(model: type[Model], path: str, text: str) -> Q:
    """What it takes for a row to be named by the text in the field at this path; nothing where it cannot be."""
    *steps, last = path.removesuffix("__exact").split("__")
    for step in steps:
        related: Any = model._meta.get_field(step).related_model
        model = related
    field = model._meta.get_field(last)
    name = "__".join([*steps, last])
    if isinstance(field, UUIDField | IntegerField):
        try:
            return Q(**{name: field.to_python(text)})
        except ValidationError:
            return Q()
    if path.endswith("__exact"):
        return Q(**{name: text})
    # Nothing is called by an id of another row, and to look for one in all texts takes long.
    return Q() if _is_id(text) else Q(**{f"{name}__icontains": text})


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _as_text(name: str, show: Show) -> Callable[[Any], str]:
    @admin.display(description=name)
    def shown(row: Any) -> str:
        value = show(row)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return shown
