"""What an operation needs to know of its caller, with names of secrets in the place of values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.openapi import swagger
from agents.openapi.document import Document, NotExpressible
from julep_project.core.json_value import Json

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}+")
_QUERY_NAME = re.compile(r"[^\s{}\"'\\$]{1,200}+")
_MOST_ALTERNATIVES = 20
_AUTHORIZATION = ("header", "authorization")


@dataclass(frozen=True, slots=True)
class Login:
    """What the importer gives for one scheme: the name of a secret, a user name, or both."""

    secret: str | None = None
    username: str | None = None


@dataclass(slots=True)
class Credentials:
    """Parts of the definition that authenticate a call. `taken`: places that arguments may not have."""

    spec: dict[str, Any] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)

    def add(self, where: str, part: str, name: str, value: str) -> None:
        """Send the value under this name.

        Raises:
            NotExpressible: something else is sent there.
        """
        at = (where, name.lower() if where == "header" else name)
        if at in self.taken:
            raise NotExpressible(f"two of its security schemes need the {where} {name!r}")
        self.taken.add(at)
        self.spec.setdefault(part, {})[name] = value


def schemes_of(document: Document) -> Mapping[str, Json]:
    """The security schemes that the document declares, by name; none where a reference to them leads nowhere."""
    if document.is_swagger:
        found = document.root.get("securityDefinitions")
    else:
        try:
            found = document.resolved(document.root.get("components")).get("securitySchemes")
        except NotExpressible:
            found = None
    return found if isinstance(found, Mapping) else {}


def credentials_for(document: Document, operation: Mapping[str, Json], auth: Mapping[str, Login]) -> Credentials:
    """What the operation needs, by the first of its alternatives that the importer has everything for.

    Raises:
        NotExpressible: there is none, or it cannot be supplied.
    """
    needed = operation.get("security", document.root.get("security"))
    listed = needed[:_MOST_ALTERNATIVES] if isinstance(needed, list) else []
    alternatives = [each for each in listed if isinstance(each, Mapping) and len(each) <= _MOST_ALTERNATIVES]
    given = [each for each in alternatives if each and all(name in auth for name in each)]
    if given:
        return _supplied(document, list(given[0]), auth)
    if not listed or {} in alternatives:
        return Credentials()
    raise NotExpressible(_what_is_missing(document, alternatives))


def _supplied(document: Document, names: list[str], auth: Mapping[str, Login]) -> Credentials:
    credentials = Credentials()
    for name in names:
        scheme = _scheme(document, name)
        if problem := _problem(name, scheme):
            raise NotExpressible(problem)
        _add(credentials, name, scheme, auth[name])
    return credentials


def _scheme(document: Document, name: str) -> Mapping[str, Json]:
    scheme = document.resolved(schemes_of(document).get(name))
    return swagger.as_scheme(scheme) if document.is_swagger else scheme


def _problem(name: str, scheme: Mapping[str, Json]) -> str | None:
    """Why a scheme cannot be used, whatever the importer has."""
    kind, how = str(scheme.get("type")), str(scheme.get("scheme")).lower()
    shown = f"the security scheme {name[:60]!r}"
    if kind in ("oauth2", "openIdConnect"):
        return f"{shown} is a flow of OAuth, which is not supported yet"
    if kind == "apiKey" and scheme.get("in") in ("header", "query", "cookie"):
        pattern = _QUERY_NAME if scheme["in"] == "query" else TOKEN
        fits = pattern.fullmatch(str(scheme.get("name") or ""))
        return None if fits else f"{shown} has a name that cannot be sent"
    if kind == "http" and how in ("bearer", "basic"):
        return None
    return f"{shown} is of a kind that is not supported" if scheme else f"{shown} is not declared"


def _add(credentials: Credentials, name: str, scheme: Mapping[str, Json], login: Login) -> None:
    value = f"{{secrets.{login.secret}}}" if login.secret else ""
    if scheme["type"] == "http" and str(scheme["scheme"]).lower() == "basic":
        if login.username is None:
            raise NotExpressible(f"the security scheme {name!r} needs a username")
        if _AUTHORIZATION in credentials.taken:
            raise NotExpressible("two of its security schemes need the header 'Authorization'")
        credentials.taken.add(_AUTHORIZATION)
        credentials.spec["basic"] = {"username": login.username, "password": value}
    elif not value:
        raise NotExpressible(f"the security scheme {name!r} needs a secret")
    elif scheme["type"] == "http":
        credentials.add("header", "headers", "Authorization", f"Bearer {value}")
    else:
        part = {"header": "headers", "query": "params", "cookie": "cookies"}[scheme["in"]]
        credentials.add(scheme["in"], part, scheme["name"], value)


def _what_is_missing(document: Document, alternatives: list[Mapping[str, Json]]) -> str:
    names = list(dict.fromkeys(str(name) for each in alternatives for name in each))
    if not names:
        return "its `security` cannot be read"
    problems = [problem for name in names if (problem := _problem(name, _scheme(document, name)))]
    if len(problems) == len(names):
        return problems[0]
    return f"it needs `auth` for a security scheme: {', '.join(name[:60] for name in names[:10])}"
