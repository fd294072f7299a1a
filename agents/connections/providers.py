"""Reads and writes of the services that people sign in to, limited to one developer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from agents.audit.recording import Act, record
from agents.audit.verbs import ObjectKind, Verb
from agents.connections.addresses import callback_url, document_url
from agents.connections.discovery import AuthorizationServer, Protected, find_protection, find_server
from agents.connections.errors import ConnectionImpossible, ProviderFaulty
from agents.connections.models import LONGEST_NAME, Provider, ProviderKind, Registration
from agents.connections.outgoing import checked_url, shown, tell
from agents.connections.sealed import sealed_client_secret
from agents.models import Developer
from agents.tools.signing_in import connection_and_place
from agents.vault.values import existing_names
from julep_project.core.clock import DatabaseNow, now
from julep_project.core.database import give_connection_back
from julep_project.core.errors import Conflict
from julep_project.core.http.request import place_of_url
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import invalid
from julep_project.core.tenancy import get_or_not_found

CLIENT_NAME = "Julep agents"
# So long nobody asks an MCP server again who protects it, unless it takes no tokens any more.
_HOLDS = timedelta(hours=1)
_AUTH = {True: "client_secret_basic", False: "none"}
_LONGEST_CLIENT = 2048
_FIELDS = ("name", "authorize_url", "token_url", "revoke_url", "issuer", "client_id", "client_secret", "parameters")
_SHOWN = ("name", "kind", "resource", "issuer", "registration", "client_id", "scopes")


def list_providers(developer: Developer) -> "QuerySet[Provider]":
    rows: QuerySet[Provider] = Provider.objects.for_developer(developer)
    return rows


def get_provider(developer: Developer, provider_id: UUID) -> Provider:
    """One service.

    Raises:
        NotFound
    """
    return get_or_not_found(list_providers(developer), provider_id, "Provider")


def find_provider(developer: Developer, name: str) -> Provider | None:
    """The service of this name, whatever the case of its letters."""
    return list_providers(developer).filter(name__iexact=name).first()


def doubts_about_providers(developer: Developer, tools: Mapping[str, Mapping[str, Json]]) -> list[dict[str, Json]]:
    """What the author of tools, given by their places, should know of the providers that they name: there may be none
    yet. No query if none is named."""
    named = {place: name for place, tool in tools.items() if (name := _provider_named_by(tool))}
    if not named:
        return []
    lowered = list_providers(developer).annotate(lowered=Lower("name")).values_list("lowered", flat=True)
    known = set(lowered.filter(lowered__in={name.lower() for name in named.values()}))
    about: dict[str, Json] = {"severity": "warning", "type": "connection", "details": {}}
    told = "there is no provider {!r} yet: until there is, nobody can sign in, and calls fail"
    return [
        {"location": place, "message": told.format(name[:LONGEST_NAME]), **about}
        for place, name in named.items()
        if name.lower() not in known
    ]


def _provider_named_by(tool: Mapping[str, Json]) -> str:
    given, _ = connection_and_place(tool)
    return str(given.get("provider") or "") if isinstance(given, Mapping) else ""


def create_provider(*, developer: Developer, values: Mapping[str, Any]) -> Provider:
    """A service as a developer describes it; of an MCP server, whose addresses are found out, with a client that they
    have registered.

    Raises:
        InvalidInput: there is no such secret. Conflict: there is one of this name, or for this server.
        ProviderFaulty, ConnectionImpossible
    """
    resource, secret = values.get("resource", ""), values.get("client_secret")
    if secret is not None and not existing_names(developer, [secret]):
        raise invalid(["client_secret"], "value_error", msg="There is no such secret of the developer", received="")
    told = {name: values[name] for name in _FIELDS if name in values}
    provider = Provider(
        id=uuid7(),
        developer=developer,
        kind=ProviderKind.MCP if resource else ProviderKind.OAUTH,
        registration=Registration.CONFIGURED,
        resource=resource,
        scopes=list(values.get("scopes", ())),
        client_auth=values.get("client_auth") or _AUTH[bool(values.get("client_secret"))],
        **told,
    )
    if resource:
        give_connection_back()
        found = _found_out(find_protection(resource))
        _apply(provider, found)
        provider.scopes = provider.scopes or list(found.scopes)
    try:
        with transaction.atomic():
            provider.save(force_insert=True)
            _record(Verb.CREATE, provider, after=_settings_of(provider))
    except IntegrityError:
        raise Conflict("There is a provider of this name, or for this server, already") from None
    return get_provider(developer, provider.pk)


def delete_provider(developer: Developer, provider_id: UUID) -> None:
    """Remove a service with all connections to it. Nothing is revoked there.

    Raises:
        NotFound
    """
    with transaction.atomic():
        provider = get_or_not_found(list_providers(developer).select_for_update(), provider_id, "Provider")
        _record(Verb.DELETE, provider, before=_settings_of(provider))
        provider.delete()


def provider_of_server(developer: Developer, resource: str) -> Provider:
    """Where one signs in to the MCP server at this address: found out when it is first asked for, and this installation
    is made known there as a client.

    Raises:
        ProviderFaulty, ConnectionImpossible
    """
    known = list_providers(developer).filter(kind=ProviderKind.MCP, resource=resource).first()
    if known is not None:
        return known
    give_connection_back()
    checked_url(resource, "address of the MCP server", like=resource)
    name = f"{place_of_url(resource)[: LONGEST_NAME - 10]} {uuid7().hex[-8:]}"
    provider = _known_there(developer, resource, name, find_protection(resource))
    with transaction.atomic():
        return _stored(provider)


def provider_now(developer: Developer, provider: Provider) -> Provider:
    """The provider, or the one that takes its place: the MCP server is asked once more who protects it, and where it
    names the authorization server no more but another one, that is another provider, which nobody has signed in to yet.
    It has an id of its own, hence addresses of its own: nothing of what was given or begun at the one before is ever
    sent there. With that its connections are gone. Who does not say so plainly has not moved.

    Raises:
        ConnectionImpossible: the client is one that the developer has registered with the one before.
        ProviderFaulty: the other authorization server cannot be used.
    """
    if provider.kind != ProviderKind.MCP:
        return provider
    give_connection_back()
    try:
        protected = find_protection(provider.resource)
    except ProviderFaulty:
        return provider
    if protected.is_by(provider.issuer):
        list_providers(developer).filter(pk=provider.pk).update(discovered_at=DatabaseNow())
        return provider
    if provider.registration == Registration.CONFIGURED:
        raise ConnectionImpossible(
            f"another authorization server protects the MCP server now, {shown(protected.issuer)}, than the one where "
            f"the client of {provider.name!r} is registered: remove that provider, and make another"
        )
    other = _known_there(developer, provider.resource, provider.name, protected)
    with transaction.atomic():
        before = list_providers(developer).select_for_update().filter(pk=provider.pk).first()
        if before is not None:
            _record(Verb.DELETE, before, before=_settings_of(before))
            before.delete()
        return _stored(other)


def provider_to_sign_in_at(developer: Developer, provider: Provider) -> Provider:
    """`provider_now`, where it was long ago that the MCP server said who protects it; else the provider. For whoever is
    about to be asked to sign in.

    Raises: as `provider_now`.
    """
    since = provider.discovered_at
    return provider if since is None or since + _HOLDS > now() else provider_now(developer, provider)


def _known_there(developer: Developer, resource: str, name: str, protected: Protected) -> Provider:
    """Where one signs in to an MCP server that is protected so, with this installation as a client.

    Raises:
        ProviderFaulty, ConnectionImpossible
    """
    found = _found_out(protected)
    provider = Provider(
        id=uuid7(),
        developer=developer,
        kind=ProviderKind.MCP,
        resource=resource,
        name=name,
        scopes=list(found.scopes),
    )
    _apply(provider, found)
    _become_known(provider, found.server)
    return provider


def _stored(provider: Provider) -> Provider:
    """The row. Of two that find it out at once, one is the client."""
    row, is_new = Provider.objects.get_or_create(
        developer=provider.developer,
        kind=ProviderKind.MCP,
        resource=provider.resource,
        defaults=_columns_of(provider),
    )
    if is_new:
        _record(Verb.CREATE, row, after=_settings_of(row))
    return row


@dataclass(frozen=True, slots=True)
class _FoundOut:
    audience: str
    scopes: tuple[str, ...]
    server: AuthorizationServer


def _found_out(protected: Protected) -> _FoundOut:
    return _FoundOut(protected.resource, protected.scopes, find_server(protected.issuer))


def _apply(provider: Provider, found: _FoundOut) -> None:
    server = found.server
    provider.audience, provider.issuer, provider.says_issuer = found.audience, server.issuer, server.says_issuer
    provider.authorize_url, provider.token_url = server.authorize_url, server.token_url
    provider.revoke_url = server.revoke_url
    provider.discovered_at = now()


def _become_known(provider: Provider, server: AuthorizationServer) -> None:
    """Become a client of the authorization server: by a document that describes this installation, else by registering
    there.

    Raises:
        ConnectionImpossible: it takes neither. ProviderFaulty
    """
    document = document_url(provider.pk)
    if server.takes_documents and (document.startswith("https://") or server.issuer.startswith("http://")):
        provider.registration, provider.client_id = Registration.METADATA, document
        provider.client_auth = "none"
    elif server.register_url:
        _register(provider, server)
    else:
        raise ConnectionImpossible(
            f"{shown(server.issuer)} registers no clients by itself: register one there, and make a provider of it"
        )


def client_document(provider_id: UUID) -> dict[str, Any]:
    """What the client is, as authorization servers read it (a client id metadata document, or a registration)."""
    return {
        "client_name": CLIENT_NAME,
        "application_type": "web",
        "redirect_uris": [callback_url(provider_id)],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }


def _register(provider: Provider, server: AuthorizationServer) -> None:
    """Register there (RFC 7591)."""
    wanted = "none" if "none" in server.auth_methods else (*server.auth_methods, "client_secret_basic")[0]
    body = {**client_document(provider.pk), "token_endpoint_auth_method": wanted}
    heard = tell(server.register_url, json=body)
    client_id, secret = heard.said.get("client_id"), heard.said.get("client_secret")
    if not heard.is_good:
        raise ProviderFaulty(f"the authorization server registers no client: {heard.complaint}")
    if not isinstance(client_id, str) or not 0 < len(client_id) <= _LONGEST_CLIENT:
        raise ProviderFaulty("the authorization server has registered a client without an id")
    provider.registration, provider.client_id = Registration.DYNAMIC, client_id
    method = heard.said.get("token_endpoint_auth_method", wanted)
    if isinstance(secret, str) and 0 < len(secret) <= _LONGEST_CLIENT and method != "none":
        columns = sealed_client_secret(secret, provider.developer_id, provider.pk)
        provider.sealed, provider.sealed_with = columns["sealed"], columns["sealed_with"]
        provider.client_auth = method if method == "client_secret_post" else "client_secret_basic"
    else:
        provider.client_auth = "none"


def _columns_of(provider: Provider) -> dict[str, Any]:
    left_out = {"developer", "kind", "resource", "created_at", "updated_at"}
    fields = (field for field in provider._meta.concrete_fields if field.name not in left_out)
    return {field.attname: getattr(provider, field.attname) for field in fields}


def _settings_of(provider: Provider) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in _SHOWN}


def _record(verb: Verb, provider: Provider, **settings: Any) -> None:
    record(provider.developer_id, Act(verb, ObjectKind.PROVIDER, provider.pk, provider.name, **settings))
