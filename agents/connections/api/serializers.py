"""Bodies of `/connections`, and what is answered."""

from typing import Any

from rest_framework import serializers

from agents.connections.models import (
    LONGEST_NAME,
    LONGEST_SCOPE,
    LONGEST_URL,
    Connection,
    ConnectionStatus,
    Provider,
    ProviderKind,
    Registration,
)
from agents.connections.outgoing import checked_url
from agents.tool_specs import HttpUrl, TextMap
from agents.tools.errors import ToolError
from julep_project.core.clock import to_wire
from julep_project.core.models import row_to_wire
from julep_project.core.reading.fields import (
    Example,
    JsonObject,
    ListOf,
    StoredAnswer,
    StrictBody,
    Text,
    Timestamp,
    example_id,
)
from julep_project.core.reading.serializer_errors import wrong

_MOST_SCOPES = 50
_OURS = frozenset(
    "response_type client_id redirect_uri state code_challenge code_challenge_method resource scope".split()
)
_AUTH = ("client_secret_basic", "client_secret_post", "none")


def _scopes(**options: Any) -> ListOf:
    child = Text(min_length=1, max_length=LONGEST_SCOPE)
    return ListOf(child=child, required=False, max_length=_MOST_SCOPES, **options)


class ServiceUrl(HttpUrl):
    """An address that is encrypted, or on a network that the operator has opened."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return checked_url(text, "address", like=text)
        except ToolError as error:
            raise wrong("value_error", text=error.message) from None


class ProviderBody(StrictBody):
    """A service that people sign in to: its addresses, or the MCP server that names them, and the client there."""

    example = Example(
        name="github",
        authorize_url="https://github.com/login/oauth/authorize",
        token_url="https://github.com/login/oauth/access_token",
        client_id="Iv1.8a61f9b3a7aba766",
        client_secret="GITHUB_CLIENT_SECRET",
        scopes=["repo"],
    )

    name = Text(min_length=1, max_length=LONGEST_NAME)
    resource = ServiceUrl(required=False, max_length=LONGEST_URL, help_text="the MCP server, instead of addresses")
    authorize_url = ServiceUrl(required=False, max_length=LONGEST_URL, help_text="where people sign in")
    token_url = ServiceUrl(required=False, max_length=LONGEST_URL)
    revoke_url = ServiceUrl(required=False, max_length=LONGEST_URL, help_text="where tokens are revoked (RFC 7009)")
    issuer = Text(required=False, max_length=LONGEST_URL, help_text="whose answers they are (RFC 9207)")
    client_id = Text(min_length=1, max_length=LONGEST_URL)
    client_secret = Text(required=False, max_length=LONGEST_NAME, help_text="the name of the secret that holds it")
    client_auth = serializers.ChoiceField(choices=_AUTH, required=False)
    scopes = _scopes(help_text="what is asked for, unless a tool says otherwise")
    parameters = TextMap(required=False, help_text="what else the address to sign in at is given")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Either addresses, or a server that names them."""
        needed = () if "resource" in attrs else ("authorize_url", "token_url")
        others = ("authorize_url", "token_url", "revoke_url", "issuer") if "resource" in attrs else ()
        refused = {name: "This is needed, or else a `resource`." for name in needed if name not in attrs}
        refused |= {name: "The `resource` says so itself." for name in others if name in attrs}
        ours = sorted(_OURS & attrs.get("parameters", {}).keys())
        if ours:
            refused["parameters"] = f"This server says by itself: {', '.join(ours)}."
        if refused:
            told = {name: [serializers.ErrorDetail(text, code="value_error")] for name, text in refused.items()}
            raise serializers.ValidationError(told)
        return attrs


class ProviderAnswer(StoredAnswer):
    """A service as it is answered, without secrets."""

    name = Text()
    kind = serializers.ChoiceField(choices=ProviderKind.choices)
    resource = Text(allow_blank=True)
    issuer = Text(allow_blank=True)
    authorize_url = Text()
    token_url = Text()
    revoke_url = Text(allow_blank=True)
    registration = serializers.ChoiceField(choices=Registration.choices)
    client_id = Text()
    client_secret = Text(allow_blank=True, help_text="the name of the secret that holds it")
    client_auth = serializers.ChoiceField(choices=_AUTH)
    scopes = serializers.ListField(child=Text())
    parameters = JsonObject()
    discovered_at = Timestamp(allow_null=True, help_text="when the MCP server said so last; null for other services")


class ConnectionBody(StrictBody):
    """Who is to sign in, and where: at a provider, or at an MCP server by its address."""

    example = Example(provider="github", user_id=example_id("user"))

    provider = Text(required=False, min_length=1, max_length=LONGEST_NAME, help_text="its name")
    server = ServiceUrl(required=False, max_length=LONGEST_URL, help_text="the address of an MCP server")
    user_id = serializers.UUIDField(required=False, help_text="without it, the developer signs in")
    scopes = _scopes()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of both."""
        if ("provider" in attrs) == ("server" in attrs):
            told = serializers.ErrorDetail("Either a `provider` or a `server` is needed.", code="value_error")
            raise serializers.ValidationError({"provider": [told]})
        return attrs


class ConnectionAnswer(StoredAnswer):
    """A connection as it is answered, without tokens."""

    provider_id = serializers.UUIDField()
    provider = Text()
    user_id = serializers.UUIDField(allow_null=True, help_text="null for one of the developer")
    status = serializers.ChoiceField(choices=ConnectionStatus.choices)
    scopes = serializers.ListField(child=Text())
    problem = Text(allow_null=True)
    connected_at = Timestamp(allow_null=True)
    refreshed_at = Timestamp(allow_null=True)
    token_until = Timestamp(allow_null=True, help_text="when the token is over; it is renewed before, if it can be")


class LinkedConnectionAnswer(ConnectionAnswer):
    """A connection with the link by which somebody signs in."""

    url = Text(help_text="the page where one signs in")
    expires_at = Timestamp()


def provider_to_wire(row: Provider) -> dict[str, Any]:
    told = row_to_wire(
        row, "name", "kind", "resource", "issuer", "authorize_url", "token_url", "revoke_url", "registration",
        "client_id", "client_secret", "client_auth", "scopes", "parameters",
    )  # fmt: skip
    return {**told, "discovered_at": None if row.discovered_at is None else to_wire(row.discovered_at)}


def connection_to_wire(row: Connection) -> dict[str, Any]:
    """A connection. Reads its provider."""
    moments = ("connected_at", "refreshed_at", "token_until")
    return {
        **row_to_wire(row, "status", "scopes"),
        "provider_id": str(row.provider_id),
        "provider": row.provider.name,
        "user_id": None if row.user_id is None else str(row.user_id),
        "problem": row.problem or None,
        **{name: None if (moment := getattr(row, name)) is None else to_wire(moment) for name in moments},
    }
