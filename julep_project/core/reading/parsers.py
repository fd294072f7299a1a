"""Request bodies as plain values. What Postgres could not store, or what is built to exhaust memory, stops here."""

import sys
from collections.abc import Callable, Mapping
from typing import IO, Any, ClassVar, cast

import yaml
from django.conf import settings
from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from julep_project.core.errors import BodyTooLarge
from julep_project.core.reading.outside_json import Bounds, TooMuchJson, read_json
from julep_project.core.reading.repeated_keys import RepeatedKey, refuse_repeated_keys
from julep_project.core.reading.validation import HIDDEN, invalid
from julep_project.core.reading.yaml_loader import load_yaml

# Of the longest length that is read as a number.
_MOST_DIGITS = 19
_ESCAPED_NUL = b"\\u0000"


def read_body(stream: IO[bytes], context: Mapping[str, Any]) -> bytes:
    """The bytes of the body, never more than the view's `max_body_bytes` (default: the setting `MAX_BODY_BYTES`).

    Raises:
        BodyTooLarge: the header announces more, or more arrives.
    """
    limit = int(getattr(context.get("view"), "max_body_bytes", None) or settings.MAX_BODY_BYTES)
    return _read_within(stream, limit, announced=_announced_length(context))


def body_of(request: HttpRequest, limit: int) -> bytes:
    """The bytes of the body of a request that no view of the framework reads, never more than the limit.

    Raises:
        BodyTooLarge
    """
    is_chunked = request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    stream = chunked_stream(request) if is_chunked else request
    return b"" if stream is None else _read_within(stream, limit, announced=announced_length(request))


def chunked_stream(request: HttpRequest) -> Any:
    """Where a chunked body can be read to its end, or None when the server cannot tell where it ends.

    Django reads nothing from a WSGI request without a length; an ASGI request holds its whole body already.
    """
    environ = cast(Mapping[str, Any] | None, getattr(request, "environ", None))
    if environ is None:
        return request
    return environ["wsgi.input"] if environ.get("wsgi.input_terminated") else None


def _read_within(stream: Any, limit: int, *, announced: int) -> bytes:
    too_large = BodyTooLarge(f"Request body is larger than the limit of {limit} bytes")
    if announced > limit:
        raise too_large
    chunks: list[bytes] = []
    left = limit + 1
    while left and (chunk := stream.read(left)):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        raise too_large
    return b"".join(chunks)


def parse_json(raw: bytes) -> Any:
    """The value of JSON text, without NUL characters.

    Raises:
        InvalidInput: not JSON (NaN, Infinity and lone surrogates are not), nested too deeply, or of too many parts.
    """
    return _parse_json(raw, lambda: raw.decode(errors="replace"))


def _parse_json(raw: bytes, shown: Callable[[], object]) -> Any:
    try:
        value = read_json(raw, _body_bounds())
    except TooMuchJson as error:
        raise invalid((), "json_invalid", msg=f"Invalid JSON: {error}", received="") from None
    except ValueError as error:
        raise invalid((), "json_invalid", msg=f"Invalid JSON: {error}", received=shown()) from None
    return without_nul(value) if _ESCAPED_NUL in raw else value


def parse_yaml(raw: bytes) -> Any:
    """The value of YAML text as plain JSON values; dates stay text.

    Raises:
        InvalidInput: not YAML, more than plain data, nested too deeply, or of too many parts, those that aliases
            stand for included.
    """
    try:
        value = load_yaml(raw, max_containers=settings.MAX_BODY_CONTAINERS)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise invalid((), "yaml_invalid", msg=f"Invalid YAML: {reason}", received="") from None
    return without_nul(value)


def without_nul(value: Any) -> Any:
    """The value with NUL removed from every text and key. Nesting is bounded before this is called."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    return value


def _announced_length(context: Mapping[str, Any]) -> int:
    request = context.get("request")
    return announced_length(request) if request is not None else 0


def announced_length(request: HttpRequest) -> int:
    """The bytes that a request says its body has; 0 where it says nothing of use."""
    text = str(request.META.get("CONTENT_LENGTH") or "")
    # A number with more digits than any body has bytes is not made one.
    return min(int(text[:_MOST_DIGITS]), sys.maxsize) if text.isascii() and text.isdecimal() else 0


def _body_bounds() -> Bounds:
    return Bounds(containers=settings.MAX_BODY_CONTAINERS, elements=settings.MAX_BODY_ELEMENTS)


class _Parser(BaseParser):
    """Reads a body whole, up to the bound of its size."""

    # From bytes to the value of what is not empty.
    read: ClassVar[Any]

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value of the body; an object without keys if the body is empty.

        Raises:
            BodyTooLarge, InvalidInput
        """
        raw = read_body(stream, parser_context or {})
        return self.read(raw) if raw.strip() else {}


class JsonParser(_Parser):
    """Reads any body as JSON, whatever its content type says (curl's default is a form)."""

    media_type = "*/*"
    read = staticmethod(parse_json)


class SecretJsonParser(_Parser):
    """Reads bodies that errors do not repeat."""

    media_type = "*/*"

    @staticmethod
    def read(raw: bytes) -> Any:
        return _parse_json(raw, lambda: HIDDEN)


class DocumentParser(JsonParser):
    """Reads what people write by hand: a key that stands twice in one object is a mistake."""

    @staticmethod
    def read(raw: bytes) -> Any:
        value = parse_json(raw)
        try:
            refuse_repeated_keys(raw.decode())
        except RepeatedKey as error:
            raise invalid((), "json_invalid", msg=f"Invalid JSON: {error}", received="") from None
        return value


def _yaml_parser(media_type: str) -> type[BaseParser]:
    return type("YamlParser", (_Parser,), {"media_type": media_type, "read": staticmethod(parse_yaml)})


_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
# Only views that name them accept YAML.
JSON_OR_YAML: list[type[BaseParser]] = [*map(_yaml_parser, _YAML), DocumentParser]
