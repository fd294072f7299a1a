"""Where the operations of a document are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from agents.openapi import swagger
from agents.openapi.document import Document, NotExpressible
from julep_project.core.http import origin_of
from julep_project.core.json_value import Json

_VARIABLE = re.compile(r"\{([^{}]++)\}")
_READY = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]++(?:/[A-Za-z0-9._~!&'()*+,;=:@%/-]*+)?")
_LONGEST = 1000
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class ChosenServer:
    """What the importer says: an address, else that of the document, and values of its variables."""

    url: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def server_of(document: Document, chosen: ChosenServer) -> str:
    """The address that paths of the document are appended to.

    Raises:
        NotExpressible: there is none, or it is not whole.
    """
    servers = _servers(document, document.root)
    if chosen.url is None:
        server: Mapping[str, Json] = servers[0] if servers else {"url": "/"}
    else:
        server = next((each for each in servers if each.get("url") == chosen.url), {"url": chosen.url})
    unknown = chosen.variables.keys() - set(_VARIABLE.findall(str(server.get("url"))))
    if unknown:
        raise NotExpressible(f"the server has no variable {sorted(unknown)[0][:60]!r}")
    return _address(document, server, chosen.variables)


def server_of_operation(
    document: Document, path: Mapping[str, Json], operation: Mapping[str, Json], root: str, chosen: ChosenServer
) -> str:
    """The address for one operation: that of the document, unless it has another at the same place.

    Raises:
        NotExpressible: it is at another place; what is sent to the one is not for the other.
    """
    own = _servers(document, operation) or _servers(document, path)
    if document.is_swagger or chosen.url is not None or not own:
        return root
    address = _address(document, own[0], chosen.variables)
    if origin_of(address) != origin_of(root):
        raise NotExpressible(f"it is at another server ({address[:200]}); import it with that as `server`")
    return address


def _servers(document: Document, of: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    if document.is_swagger:
        return list(swagger.servers_of(document))
    found = of.get("servers")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _address(document: Document, server: Mapping[str, Json], given: Mapping[str, str]) -> str:
    template = str(server.get("url"))
    if len(template) > _LONGEST:
        raise NotExpressible("the server has an address that is too long")
    declared = server.get("variables")
    variables = declared if isinstance(declared, Mapping) else {}
    values: dict[str, str] = {}
    for name in _VARIABLE.findall(template):
        known = variables.get(name)
        about = known if isinstance(known, Mapping) else {}
        value, choices = given.get(name, about.get("default")), about.get("enum")
        if not isinstance(value, str) or len(value) > _LONGEST_VALUE:
            raise NotExpressible(f"the server needs a value of its variable {name[:60]!r}")
        if isinstance(choices, list) and value not in choices:
            raise NotExpressible(f"the variable {name[:60]!r} of the server cannot be {value[:60]!r}")
        values[name] = value
    url = _VARIABLE.sub(lambda match: values[match[1]], template)
    return _whole(document, url)


def _whole(document: Document, url: str) -> str:
    """An absolute address without anything that could change what stands behind it."""
    try:
        joined = urljoin(document.base, url) if document.base else url
        is_whole = bool(urlsplit(joined).hostname)
    except ValueError:
        is_whole = False
    if not is_whole or joined.startswith("//"):
        told = "a relative one has no base when the document is not fetched; say `server`"
        raise NotExpressible(f"the server {url[:100]!r} is no address of http or https: {told}")
    if len(joined) > _LONGEST or not _READY.fullmatch(joined):
        raise NotExpressible(f"the server {url[:100]!r} is no plain address of http or https")
    return joined.rstrip("/")
