"""Finds out where one signs in to an MCP server: from what it says to who is not signed in (RFC 9728), and from what
the authorization server that it names says of itself (RFC 8414).

All of it is said by strangers. What does not name itself as it was asked for is not believed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agents.connections import outgoing
from agents.connections.errors import ProviderFaulty
from agents.connections.models import LONGEST_SCOPE
from agents.connections.outgoing import Heard, checked_url
from julep_project.core.http import BadUrl, origin_of
from julep_project.core.http.request import read_url

_PARAMETER = re.compile(r'([A-Za-z_]{1,40}+)[ \t]{0,5}+=[ \t]{0,5}+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))')
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]++")
MOST_SCOPES = 50
_LONGEST_HEADER = 8192
_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """What an authorization server says of itself, as far as it is needed."""

    issuer: str
    authorize_url: str
    token_url: str
    revoke_url: str = ""
    register_url: str = ""
    takes_documents: bool = False
    says_issuer: bool = False
    auth_methods: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class Protected:
    """What protects a resource: whose tokens it takes, and which scopes one asks for. Of several authorization servers
    `issuer` is the first; their order says nothing."""

    resource: str
    issuer: str
    scopes: tuple[str, ...] = ()
    issuers: frozenset[str] = frozenset()

    def is_by(self, issuer: str) -> bool:
        """Whether tokens of this authorization server are taken."""
        return _plain(issuer) in map(_plain, self.issuers)


def find_protection(resource: str) -> Protected:
    """What an MCP server says of who gives out tokens for it.

    Raises:
        ProviderFaulty
    """
    challenge = challenge_in(outgoing.ask_mcp(resource))
    for place in _places_of_resource(resource, challenge):
        heard = outgoing.ask(place)
        if heard.is_good and heard.said:
            return _protected(resource, heard.said, challenge)
        if heard.is_for_now:
            # What another place says may be about something else.
            told = f"the MCP server does not say where one signs in to it now: {heard.complaint}"
            raise ProviderFaulty(told, retryable=True)
    raise ProviderFaulty("the MCP server does not say where one signs in to it")


def challenge_in(heard: Heard) -> Mapping[str, str]:
    """The parameters of the `Bearer` challenge of an answer; none if it has none."""
    return read_challenge(heard.headers.get("www-authenticate", "")) if heard.status in (401, 403) else {}


def read_challenge(header: str) -> Mapping[str, str]:
    """The parameters of a `Bearer` challenge; none if it is none."""
    header = header[:_LONGEST_HEADER]
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {match[1].lower(): match[2] if match[2] is not None else match[3] for match in _PARAMETER.finditer(rest)}


def find_server(issuer: str) -> AuthorizationServer:
    """What an authorization server says of itself.

    Raises:
        ProviderFaulty
    """
    for place in _places_of_issuer(issuer):
        heard = outgoing.ask(place)
        if heard.is_good and heard.said:
            return _server(issuer, heard.said)
    raise ProviderFaulty(f"the authorization server says nothing of itself: {outgoing.shown(issuer)}")


def scopes_in(value: object) -> tuple[str, ...]:
    """Scopes in a text with blanks between them, or in a list; without what is none."""
    parts = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    found = (part for part in parts if isinstance(part, str) and len(part) <= LONGEST_SCOPE and _SCOPE.fullmatch(part))
    return tuple(dict.fromkeys(found))[:MOST_SCOPES]


def _places_of_resource(resource: str, challenge: Mapping[str, str]) -> Iterator[str]:
    """Where a server may say so: where it says itself, else below its address, else at its root."""
    named = challenge.get("resource_metadata")
    if named is not None:
        place = checked_url(named, "address of the resource's metadata", like=resource)
        if _origin(place) != _origin(resource):
            raise ProviderFaulty("the MCP server says that another one speaks for it")
        yield place
        return
    path = urlsplit(resource).path.rstrip("/")
    yield from dict.fromkeys(f"{_origin(resource)}/.well-known/oauth-protected-resource{below}" for below in (path, ""))


def _protected(resource: str, said: Mapping[str, Any], challenge: Mapping[str, str]) -> Protected:
    named = checked_url(said.get("resource"), "resource in what the MCP server says of itself", like=resource)
    if not is_within(resource, named):
        raise ProviderFaulty("what the MCP server says of who protects it is about another resource")
    servers = said.get("authorization_servers")
    listed = servers if isinstance(servers, list) and servers else [None]
    issuer = checked_url(listed[0], "authorization server of the MCP server", like=resource)
    issuers = frozenset(each for each in listed if isinstance(each, str))
    scopes = scopes_in(challenge.get("scope", "")) or scopes_in(said.get("scopes_supported"))
    return Protected(named, issuer, scopes, issuers)


def is_within(resource: str, named: str) -> bool:
    """Whether what is named is the resource, or what it lies in."""
    try:
        inner, outer = read_url(resource), read_url(named)
    except BadUrl:
        return False
    path, above = inner.path.rstrip("/"), outer.path.rstrip("/")
    is_below = path == above or path.startswith(f"{above}/")
    return is_below and ".." not in path.split("/") and origin_of(resource) == origin_of(named)


def _places_of_issuer(issuer: str) -> Iterator[str]:
    origin, path = _origin(issuer), urlsplit(issuer).path.rstrip("/")
    yield f"{origin}/.well-known/oauth-authorization-server{path}"
    yield f"{origin}/.well-known/openid-configuration{path}"
    if path:
        yield f"{origin}{path}/.well-known/openid-configuration"


def _server(issuer: str, said: Mapping[str, Any]) -> AuthorizationServer:
    if said.get("issuer") != issuer:
        raise ProviderFaulty("the authorization server names itself otherwise than it was asked for")
    methods = said.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" not in methods:
        raise ProviderFaulty("the authorization server does not say that it checks PKCE with S256")

    def address(name: str, what: str, *, is_needed: bool = False) -> str:
        return checked_url(said.get(name), what, like=issuer) if is_needed or said.get(name) else ""

    supported = said.get("token_endpoint_auth_methods_supported")
    known = [method for method in _AUTH_METHODS if isinstance(supported, list) and method in supported]
    return AuthorizationServer(
        issuer=issuer,
        authorize_url=address("authorization_endpoint", "address to sign in at", is_needed=True),
        token_url=address("token_endpoint", "address of tokens", is_needed=True),
        revoke_url=address("revocation_endpoint", "address to revoke tokens at"),
        register_url=address("registration_endpoint", "address to register at"),
        takes_documents=said.get("client_id_metadata_document_supported") is True,
        says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=tuple(known) or (("client_secret_basic",) if not isinstance(supported, list) else ()),
    )


def _plain(issuer: str) -> str:
    return issuer.rstrip("/")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
