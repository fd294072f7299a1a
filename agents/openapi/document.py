"""A document of OpenAPI 3.0, 3.1 or Swagger 2.0 as somebody wrote it: nothing in it has the shape it should have.

References are followed inside of it only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from julep_project.core import http
from julep_project.core.database import give_connection_back
from julep_project.core.errors import InvalidInput
from julep_project.core.http import HttpError, OutgoingRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.parsers import parse_json, parse_yaml
from julep_project.core.reading.validation import invalid

LARGEST_DOCUMENT = 8 * 1024 * 1024
_FETCH_S = 15.0
_MOST_HOPS = 20
_LONGEST_SHOWN = 100
_LONGEST_REFERENCE = 1000
_ACCEPT = "application/json, application/yaml;q=0.9, */*;q=0.5"


class NotExpressible(ValueError):
    """An operation, or a part of one, cannot become a tool; the text says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """The whole document; `base` is where it was fetched."""

    root: Mapping[str, Json]
    base: str | None = None

    @property
    def is_swagger(self) -> bool:
        """Whether it is of version 2.0."""
        return "swagger" in self.root

    def resolved(self, value: Json) -> Mapping[str, Json]:
        """The object, or the one that its reference leads to; empty for what is no object.

        Raises:
            NotExpressible
        """
        for _ in range(_MOST_HOPS):
            if not isinstance(value, Mapping):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self.at(reference)
        raise NotExpressible("its references go round without end")

    def at(self, reference: str) -> Json:
        """What a reference names.

        Raises:
            NotExpressible: nothing, or a part of another document.
        """
        shown = repr(reference[:_LONGEST_SHOWN])
        if len(reference) > _LONGEST_REFERENCE:
            raise NotExpressible(f"the reference {shown} is too long")
        if not reference.startswith("#/"):
            raise NotExpressible(f"the reference {shown} leads to another document")
        found: Any = self.root
        for part in unquote(reference[2:]).split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isascii() and key.isdecimal() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            else:
                raise NotExpressible(f"the reference {shown} leads nowhere")
        return found


def read_document(given: Json, base: str | None = None, *, name: str = "document") -> Document:
    """The document given as an object, or as text in JSON or YAML.

    Raises:
        InvalidInput
    """
    root = _parsed(given, name) if isinstance(given, str) else given
    if not isinstance(root, Mapping):
        raise invalid([name], "dict_type", received=root)
    version = str(root.get("openapi") or root.get("swagger") or "")
    if not version.startswith(("3.0", "3.1") if "openapi" in root else "2.0"):
        told = "This is no document of OpenAPI 3.0 or 3.1, or of Swagger 2.0"
        raise invalid([name], "value_error", msg=told, received=version)
    if not isinstance(root.get("paths"), Mapping):
        raise invalid([name], "value_error", msg="The document has no paths", received="")
    return Document(root, base)


def fetch_document(url: str) -> Document:
    """The document at an address.

    Raises:
        InvalidInput: it cannot be reached or read.
    """
    request = OutgoingRequest("GET", url, {"Accept": _ACCEPT}, follow_redirects=True, timeout_s=_FETCH_S)
    give_connection_back()
    try:
        answer = http.send(request)
    except HttpError as error:
        raise invalid(["url"], "value_error", msg=f"The document cannot be fetched: {error}", received=url) from error
    if answer.status != 200:
        told = f"The document cannot be fetched: the answer has status {answer.status}"
        raise invalid(["url"], "value_error", msg=told, received=url)
    return read_document(_decoded(answer.content), answer.url, name="url")


def _decoded(content: bytes) -> str:
    if len(content) > LARGEST_DOCUMENT:
        raise invalid(["url"], "value_error", msg=f"The document has more than {LARGEST_DOCUMENT} bytes", received="")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(["url"], "value_error", msg="The document is not text in UTF-8", received="") from error


def _parsed(text: str, name: str) -> Json:
    raw = text.encode("utf-8", "replace")
    if len(raw) > LARGEST_DOCUMENT:
        raise invalid([name], "string_too_long", received="", bound=LARGEST_DOCUMENT)
    try:
        return parse_json(raw) if text.lstrip().startswith("{") else parse_yaml(raw)
    except InvalidInput as error:
        raise invalid([name], "value_error", msg=error.explanation[:500], received="") from error
