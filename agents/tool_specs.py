"""What may stand under the type key of a tool, one class per type. Of kinds that clients of older servers know, keys
that are not listed are kept as they are."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.tool_types import ToolType
from agents.tools.api_call.arguments import LONGEST_TIMEOUT_S
from agents.tools.api_call.places import PLACES, STYLES
from agents.tools.integrations.method import misread_names
from agents.tools.integrations.providers import known, provider_name
from agents.tools.integrations.registry import find_method
from agents.tools.mcp.elicitation import WAYS
from agents.tools.mcp.listing import MOST_TOOLS
from agents.tools.mcp.server import TRANSPORTS
from agents.tools.signing_in import DEVELOPER, USER
from agents.tools.system import find_operation, name_of_operation, names_like
from julep_project.core.reading.fields import Body, DictOf, JsonObject, JsonSchema, ListOf, StrictBody, Text

RESOURCES = ("agent", "user", "task", "execution", "doc", "session", "job", "event", "schedule")
SUBRESOURCES = ("tool", "doc", "execution", "transition", "history", "message", "occurrence")
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
    "pause",
    "resume",
)
# Of one tool of a server, beside what its author says of the server.
_FOUND_OUT = ("name", "parameters", "pin", "state", "destructive", "server_id", "of_tool", "method")
_LONGEST_COMMAND = 100
_LONGEST_PROVIDER = 120
_LONGEST_SCOPE = 200
_MOST_SCOPES = 50
_MOST_VERSIONS = 2**31
_MOST_DOLLARS = 1_000_000
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


class SecretRef(StrictBody):
    """`{"name": "MY_KEY"}`."""

    name = Text(min_length=1)


class Spec(Body):
    """What may stand there. None of what is `found_out`, each name with the place it is found out from."""

    found_out: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what is found out, and not said."""
        said = self.found_out.keys() & data.keys() if isinstance(data, Mapping) else ()
        if said:
            raise serializers.ValidationError({name: [_told_found_out(self.found_out[name])] for name in sorted(said)})
        return super().to_internal_value(data)


def _told_found_out(where: str) -> serializers.ErrorDetail:
    return serializers.ErrorDetail(f"This is found out from {where}.", code="extra_forbidden")


class OpenSpec(Spec):
    """The same, and other keys: clients of older servers know the kind."""

    others = MappingProxyType({})


class OwnSpec(Spec, StrictBody):
    """The same, and no other keys."""


class PlaceSpec(StrictBody):
    """Where an argument goes; `name` is what it is called there, if not as the argument."""

    name = Text(required=False, min_length=1)
    style = serializers.ChoiceField(choices=STYLES, required=False)  # type: ignore[assignment]  # the key clients send

    def get_fields(self) -> dict[str, Any]:
        """One of them is a word of Python's."""
        return {"in": serializers.ChoiceField(choices=PLACES), **super().get_fields()}


class BasicSpec(StrictBody):
    """User and password of basic authentication."""

    username = Text()
    password = Text()


class FunctionSpec(OpenSpec):
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


class SystemSpec(OpenSpec):
    """An operation of this very API."""

    resource = serializers.ChoiceField(choices=RESOURCES)
    operation = serializers.ChoiceField(choices=OPERATIONS)
    subresource = serializers.ChoiceField(choices=SUBRESOURCES, required=False)
    resource_id = UuidText(required=False)
    arguments = JsonObject(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an operation that nobody carries out."""
        if find_operation(attrs) is None:
            there_are = ", ".join(names_like(attrs))
            told = f"There is no operation {name_of_operation(attrs)!r}. There are: {there_are}."
            errors = serializers.ValidationError(told, code="value_error").detail
            raise serializers.ValidationError({"operation": errors})
        return attrs


class ConnectionSpec(StrictBody):
    """In whose name a call is made, at whichever service: of the run's or the session's user, or of the developer."""

    of = serializers.ChoiceField(choices=(USER, DEVELOPER), required=False)
    provider = Text(min_length=1, max_length=_LONGEST_PROVIDER)
    scopes = ListOf(child=Text(min_length=1, max_length=_LONGEST_SCOPE), required=False, max_length=_MOST_SCOPES)


class McpConnectionSpec(ConnectionSpec):
    """Likewise at an MCP server, which says itself where one signs in."""

    provider = Text(required=False, min_length=1, max_length=_LONGEST_PROVIDER)


class IntegrationSpec(OpenSpec):
    """A method of a known provider."""

    provider = ProviderName()
    method = Text(required=False)
    setup = JsonObject(required=False)
    arguments = JsonObject(required=False)
    connection = ConnectionSpec(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a setup with objects where single values belong: YAML reads `{name}` without quotes as one."""
        wrong = misread_names(find_method({"provider": attrs["provider"]}), attrs.get("setup") or {})
        if wrong:
            told = "A single value belongs here. YAML reads `{name}` as an object: write it in quotes."
            errors = {name: serializers.ValidationError(told, code="value_error").detail for name in wrong}
            raise serializers.ValidationError({"setup": errors})
        method = find_method(attrs)
        if "connection" in attrs and method is not None and not method.takes_token:
            told = f"Nobody signs in at {attrs['provider']}: it is called with its setup."
            raise serializers.ValidationError({"connection": [serializers.ErrorDetail(told, code="value_error")]})
        return attrs


class ApiCallSpec(OpenSpec):
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
    places = DictOf(child=PlaceSpec(), required=False, help_text="where arguments go, by their names")
    basic = BasicSpec(required=False)
    connection = ConnectionSpec(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a place in the path that the URL does not have."""
        url = attrs.get("url", "$")
        places = {} if url.lstrip().startswith("$") else attrs.get("places", {})
        missing = [name for name, at in places.items() if at["in"] == "path" and f"{{{name}}}" not in url]
        if missing:
            told = f"The path of the url has no place {{{missing[0]}}}."
            errors = serializers.ValidationError(told, code="value_error").detail
            raise serializers.ValidationError({"places": {missing[0]: errors}})
        return attrs


class McpServerSpec(OwnSpec):
    """Where a server is: an address, or the name of a command that the operator lists."""

    url = HttpUrl(min_length=1, required=False)
    command = Text(min_length=1, max_length=_LONGEST_COMMAND, required=False)
    transport = serializers.ChoiceField(choices=TRANSPORTS, required=False)
    headers = TextMap(required=False)
    connection = McpConnectionSpec(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a server that is nowhere, or in two places."""
        usual = "stdio" if attrs.get("command") else "http"
        needed = "command" if attrs.get("transport", usual) == "stdio" else "url"
        other = {"url": "command", "command": "url"}[needed]
        if not attrs.get(needed) or attrs.get(other):
            told = f"A server of this transport has a `{needed}`, and no `{other}`."
            raise serializers.ValidationError({needed: [serializers.ErrorDetail(told, code="value_error")]})
        url = attrs.get("url", "")
        if "connection" in attrs and (not url or "{" in url or url.lstrip().startswith("$")):
            told = "A server that people sign in to has an address without placeholders: they sign in for that."
            raise serializers.ValidationError({"url": [serializers.ErrorDetail(told, code="value_error")]})
        return attrs


@extend_schema_field({"anyOf": [{"enum": ["all"]}, {"type": "array", "items": {"type": "string"}}]})
class ChosenTools(serializers.Field):  # type: ignore[type-arg]
    """`all`, or names of tools of a server."""

    default_error_messages: ClassVar[dict[str, Any]] = {"value_error": "It should be 'all' or a list of names."}

    def to_internal_value(self, data: Any) -> Any:
        is_list = isinstance(data, list) and len(data) <= MOST_TOOLS
        if data != "all" and not (is_list and all(isinstance(name, str) and name for name in data)):
            self.fail("value_error")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class McpSpec(OwnSpec):
    """The tools of an MCP server. `timeout` is how long a call may go on without a sign of it; `elicitation` is what
    becomes of its questions to people: a run waits for their answer (`ask`, as without it), forms that need nothing
    else are accepted with their defaults, or all are declined."""

    found_out = MappingProxyType(dict.fromkeys(_FOUND_OUT, "the server"))
    server = McpServerSpec()
    tools = ChosenTools(required=False)
    timeout = serializers.FloatField(required=False, min_value=1, max_value=3600)
    elicitation = serializers.ChoiceField(choices=WAYS, required=False)


@extend_schema_field({"anyOf": [{"enum": ["latest"]}, {"type": "integer", "minimum": 1}]})
class Pin(serializers.Field):  # type: ignore[type-arg]
    """`latest`, or the number of a version."""

    default_error_messages: ClassVar[dict[str, Any]] = {"value_error": "It should be 'latest' or a whole number."}

    def to_internal_value(self, data: Any) -> Any:
        if data != "latest" and (isinstance(data, bool) or not isinstance(data, int) or not 1 <= data < _MOST_VERSIONS):
            self.fail("value_error")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class TaskSpec(OwnSpec):
    """Another task: a call is a run of it."""

    found_out = MappingProxyType(dict.fromkeys(("parameters", "about", "asks"), "the task"))
    task_id = UuidText()
    pin = Pin(default="latest")


class AgentSpec(OwnSpec):
    """Another agent: a call says something to it. `max_cost`: US dollars that its session may cost in all."""

    found_out = MappingProxyType({"about": "the agent"})
    agent_id = UuidText()
    remembers = serializers.BooleanField(default=True, help_text="whether it goes on with what was said before")
    max_cost = serializers.FloatField(required=False, min_value=0, max_value=_MOST_DOLLARS)


class ComputerSpec(OpenSpec):
    """The provider's own computer tool."""

    type = serializers.ChoiceField(choices=[ToolType.COMPUTER.value], default=ToolType.COMPUTER.value)
    name = Text(default="computer")
    display_width_px = serializers.IntegerField(default=1024, min_value=600, max_value=65535)
    display_height_px = serializers.IntegerField(default=768, min_value=400, max_value=65535)
    display_number = serializers.IntegerField(default=1, min_value=1, max_value=10)


class TextEditorSpec(OpenSpec):
    """The provider's own editor tool."""

    type = serializers.ChoiceField(choices=[ToolType.TEXT_EDITOR.value], default=ToolType.TEXT_EDITOR.value)
    name = Text(default="str_replace_editor")


class BashSpec(OpenSpec):
    """The provider's own shell tool."""

    type = serializers.ChoiceField(choices=[ToolType.BASH.value], default=ToolType.BASH.value)
    name = Text(default="bash")


SPECS: dict[str, type[Body]] = {
    ToolType.FUNCTION: FunctionSpec,
    ToolType.INTEGRATION: IntegrationSpec,
    ToolType.SYSTEM: SystemSpec,
    ToolType.API_CALL: ApiCallSpec,
    ToolType.MCP: McpSpec,
    ToolType.TASK: TaskSpec,
    ToolType.AGENT: AgentSpec,
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
