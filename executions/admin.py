"""The rows of runs, to read. What can be done to runs is done in the console."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from agents.tools.presentation import with_shown_tools
from agents.tools.presets import without_values
from executions.models import Branch, Execution, Transition
from executions.operating import pausing
from julep_project.core.admin import ReadOnlyAdmin, Show
from julep_project.core.errors import DomainError
from julep_project.core.pauses.models import Pause, PauseScope


class ValuesLeftAdmin(ReadOnlyAdmin):
    """Lists do not read large values out of the storage."""

    values: tuple[str, ...]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows; what a page shows of their values is read then."""
        return super().get_queryset(request).defer(*self.values)


@admin.register(Execution)
class ExecutionAdmin(ValuesLeftAdmin):
    """Runs, newest first."""

    shown_as: ClassVar[Mapping[str, Show]] = {"metadata": lambda execution: without_values(execution.metadata)}

    values = ("input", "output")
    list_display = ("id", "task", "status", "log", "created_at", "updated_at")
    list_filter = ("status",)
    list_select_related = ("task",)
    search_fields = ("id__exact", "task__name")

    @admin.display(description="log")
    def log(self, execution: Execution) -> str:
        """A link to the run's transitions."""
        url = reverse("admin:executions_transition_changelist") + f"?execution__id__exact={execution.pk}"
        return format_html('<a href="{}">{} rows</a>', url, execution.transition_count)


@admin.register(Branch)
class BranchAdmin(ValuesLeftAdmin):
    """Threads of control: who has to act next, and until when a lease holds."""

    shown_as: ClassVar[Mapping[str, Show]] = {"effect": lambda branch: with_shown_tools(branch.effect)}

    values = ("output", "execution__input", "execution__output")
    list_display = ("id", "execution", "status", "attempt", "lease_until", "wake_at", "pending_children")
    list_filter = ("status",)
    raw_id_fields = ("execution", "parent")
    search_fields = ("id__exact", "execution__id__exact")
    ordering = ("-id",)


@admin.register(Transition)
class TransitionAdmin(ValuesLeftAdmin):
    """The log."""

    values = ("output", "execution__input", "execution__output")
    list_display = ("seq", "type", "step", "step_label", "created_at", "execution")
    list_filter = ("type",)
    list_select_related = ("execution",)
    search_fields = ("execution__id__exact",)
    ordering = ("-execution_id", "seq")

    @admin.display(description="step")
    def step(self, transition: Transition) -> str:
        return f"{transition.current['workflow']}[{transition.current['step']}]"


class PauseForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is to be paused: made when it is checked, for only then it is known whether it can be."""

    class Meta:
        model = Pause
        fields = ("scope", "key", "reason", "until")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if self.errors:
            return values
        try:
            self.instance = pausing.pause(
                scope=PauseScope(values["scope"]), key=values["key"], reason=values["reason"], until=values["until"]
            )
        except DomainError as error:
            raise forms.ValidationError(error.message) from None
        return values


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin):
    """What is paused, and was."""

    actions = ("lift",)
    list_display = ("scope", "key", "reason", "until", "made_by", "created_at", "lifted_by", "lifted_at")
    list_filter = ("scope", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("key", "reason")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("pauses.add_pause"))

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Whether the action `lift` is offered."""
        return bool(request.user.has_perm("pauses.change_pause"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Of a new one, the form that makes it."""
        if obj is None:
            options["form"] = PauseForm
        return super().get_form(request, obj, change, **options)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: it is made, and recorded."""

    @admin.action(description="Lift selected pauses", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Pause]) -> None:
        """End each; one that is over is told of."""
        for row in queryset:
            try:
                pausing.lift(pause_id=row.pk)
            except DomainError as error:
                self.message_user(request, f"{row}: {error.message}", messages.WARNING)
