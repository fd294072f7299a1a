"""Staff pages of API keys: make one, which is shown once, and revoke."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from agents.access import services
from agents.access.models import ApiKey
from julep_project.core.admin import ReadOnlyAdmin
from julep_project.core.api.auth import KeyScope

_CHOICES = [(scope.value, scope.value) for scope in KeyScope]


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a new key is to be."""

    scopes = forms.MultipleChoiceField(
        choices=_CHOICES, initial=[name for name, _ in _CHOICES], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("developer", "label", "scopes", "expires_at")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("This is not in the future.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """API keys. What is stored of one opens nothing."""

    exclude = ("digest",)
    actions = ("revoke",)
    list_display = ("prefix", "label", "developer", "scopes", "expires_at", "last_used_at", "revoked_at", "created_at")
    list_select_related = ("developer",)
    search_fields = ("id", "prefix", "label")
    autocomplete_fields = ("developer",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("access.add_apikey"))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the action `revoke` is offered."""
        return bool(request.user.has_perm("access.change_apikey"))

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_exclude(request, obj) if obj else None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form of its own for a new key; a page that shows one has none to fill in."""
        return super().get_form(request, obj, change, **(kwargs if obj else {**kwargs, "form": NewKeyForm}))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else NewKeyForm.Meta.fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the key, and keep its text for the answer to this request."""
        values = {name: form.cleaned_data[name] for name in ("label", "scopes", "expires_at")}
        made, text = services.create_key(developer=form.cleaned_data["developer"], values=values)
        vars(obj).update(vars(made))
        obj.text = text

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The key itself, once, in no message, cookie or address."""
        context = {**self.admin_site.each_context(request), "title": "The new API key", "key": obj}
        return TemplateResponse(request, "admin/new_api_key.html", context, headers={"Cache-Control": "no-store"})

    @admin.action(description="Revoke the chosen keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: "QuerySet[ApiKey]") -> None:
        """They open nothing any more, for good."""
        for key in keys.select_related("developer"):
            services.revoke_key(developer=key.developer, key_id=key.pk)
            self.log_change(request, key, "Revoked")
        self.message_user(request, "Revoked. Every process refuses them within seconds.")
