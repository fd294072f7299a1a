"""What may stand under the type key of a tool, one class per type. Keys not listed are kept as they are."""

from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.tool_types import ToolType
from agents.tools.arguments import LONGEST_TIMEOUT_S
from agents.tools.integrations.method import misread_names
from agents.tools.integrations.providers import known, provider_name
from agents.tools.integrations.registry import find_method
from julep_project.core.reading.fields import Body, DictOf, JsonObject, JsonSchema, Text

RESOURCES = ("agent", "user", "task", "execution", "doc", "session", "job")
SUBRESOURCES = ("tool", "doc", "execution", "transition")
OPERATIONS = (
    "create",
    "update",
    "patch",
    "create_or_update",
    "embed",
    "change_status",
    "search",
    "chat",
    "history",
    "delete",
    "get",
    "list",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE")


class HttpUrl(Text):
    """An http or https URL. One still to be filled in (`$ ...`, `{secrets.NAME}`) is checked when it is used."""

    default_error_messages: ClassVar[dict[str, Any]] = {"url_parsing": "Input should be a valid URL."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.lstrip().startswith("$") and "{" not in text and not _is_http(text):
            self.fail("url_parsing")
        return text


class TextMap(DictOf):
    """An object whose values are all text."""

    child = Text()


@extend_schema_field({"anyOf": [{"type": "object", "additionalProperties": {}}, {"type": "string"}]})
class ObjectOrText(JsonObject):
    """Query parameters: an object, or the finished text."""

    def to_internal_value(self, data: Any) -> Any:
        return data if isinstance(data, str) else super().to_internal_value(data)


class UuidText(serializers.UUIDField):
    """An id, kept as text because a spec is stored as JSON."""

    def to_internal_value(self, data: Any) -> Any:
        """The id in its usual form."""
        return str(super().to_internal_value(data))


class SecretRef(Body):
    """`{"name": "MY_KEY"}`."""

    name = Text(min_length=1)


class Spec(Body):
    """What may stand there, and other keys."""

    others = MappingProxyType({})


class FunctionSpec(Spec):
    """Answered by the client, never run here. What else it says is told to models as it is."""

    name = Text(required=False)
    description = Text(required=False)
    parameters = JsonSchema(required=False)


class ProviderName(serializers.ChoiceField):
    """A provider that the API knows."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=known(), **options)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(provider_name(data) if isinstance(data, str) else data)


class IntegrationSpec(Spec):
    """A method of a known provider."""

    provider = ProviderName()
    method = Text(required=False)
    setup = JsonObject(required=False)
    arguments = JsonObject(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a setup with objects where single values belong: YAML reads `{name}` without quotes as one."""
        wrong = misread_names(find_method({"provider": attrs["provider"]}), attrs.get("setup") or {})
        if wrong:
            told = "A single value belongs here. YAML reads `{name}` as an object: write it in quotes."
            errors = {name: serializers.ValidationError(told, code="value_error").detail for name in wrong}
            raise serializers.ValidationError({"setup": errors})
        return attrs


class SystemSpec(Spec):
    """An operation of this very API."""

    resource = serializers.ChoiceField(choices=RESOURCES)
    operation = serializers.ChoiceField(choices=OPERATIONS)
    subresource = serializers.ChoiceField(choices=SUBRESOURCES, required=False)
    resource_id = UuidText(required=False)
    arguments = JsonObject(required=False)


class ApiCallSpec(Spec):
    """An HTTP request."""

    method = serializers.ChoiceField(choices=METHODS)
    url = HttpUrl(min_length=1)
    headers = TextMap(required=False)
    content = Text(required=False)
    data = ObjectOrText(required=False)  # type: ignore[assignment]  # the key clients send
    files = JsonObject(required=False)
    json = serializers.JSONField(required=False)
    cookies = TextMap(required=False)
    params = ObjectOrText(required=False)
    follow_redirects = serializers.BooleanField(required=False)
    timeout = serializers.FloatField(required=False, min_value=0, max_value=LONGEST_TIMEOUT_S)
    include_response_content = serializers.BooleanField(default=True)
    secrets = DictOf(child=SecretRef(), required=False)
    schema = JsonSchema(required=False)
    params_schema = JsonSchema(required=False)


class ComputerSpec(Spec):
    """The provider's own computer tool."""

    type = serializers.ChoiceField(choices=[ToolType.COMPUTER.value], default=ToolType.COMPUTER.value)
    name = Text(default="computer")
    display_width_px = serializers.IntegerField(default=1024, min_value=600, max_value=65535)
    display_height_px = serializers.IntegerField(default=768, min_value=400, max_value=65535)
    display_number = serializers.IntegerField(default=1, min_value=1, max_value=10)


class TextEditorSpec(Spec):
    """The provider's own editor tool."""

    type = serializers.ChoiceField(choices=[ToolType.TEXT_EDITOR.value], default=ToolType.TEXT_EDITOR.value)
    name = Text(default="str_replace_editor")


class BashSpec(Spec):
    """The provider's own shell tool."""

    type = serializers.ChoiceField(choices=[ToolType.BASH.value], default=ToolType.BASH.value)
    name = Text(default="bash")


SPECS: dict[str, type[Body]] = {
    ToolType.FUNCTION: FunctionSpec,
    ToolType.INTEGRATION: IntegrationSpec,
    ToolType.SYSTEM: SystemSpec,
    ToolType.API_CALL: ApiCallSpec,
    ToolType.COMPUTER: ComputerSpec,
    ToolType.TEXT_EDITOR: TextEditorSpec,
    ToolType.BASH: BashSpec,
}


def _is_http(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
