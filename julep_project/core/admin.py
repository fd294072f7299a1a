"""Bases of the admin pages."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

# Each comma in it becomes a value, and each value that will not do an error with a text.
_LONGEST_LIST = 10_000

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


class ModelAdmin(_ModelAdmin):
    """Rows that may be edited in a form."""

    formfield_overrides: ClassVar[Any] = {ArrayField: {"form_class": ShortList}}


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


def _as_text(name: str, show: Show) -> Callable[[Any], str]:
    @admin.display(description=name)
    def shown(row: Any) -> str:
        value = show(row)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return shown
