"""Request bodies as plain values. What Postgres could not store, or what is built to exhaust memory, stops here."""

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn

import orjson
import yaml
from django.conf import settings
from rest_framework.parsers import BaseParser

from julep_project.core.errors import BodyTooLarge
from julep_project.core.validation import invalid
from julep_project.core.yaml_loader import load_yaml

MAX_DEPTH = 200
# orjson reads a whole number beyond 64 bits as a float and loses digits.
_LONG_NUMBER = re.compile(rb"\d{19}")
_ESCAPED_NUL = b"\\u0000"


class JsonParser(BaseParser):
    """Reads any body as JSON, whatever its content type says (curl's default is a form)."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value of the body; an object without keys if the body is empty.

        Raises:
            BodyTooLarge, InvalidInput
        """
        raw = read_body(stream, parser_context or {})
        return parse_json(raw) if raw.strip() else {}


class YamlParser(BaseParser):
    """Reads YAML. Only views that name it accept YAML."""

    media_type = "application/yaml"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value of the body; an object without keys if the body is empty.

        Raises:
            BodyTooLarge, InvalidInput
        """
        raw = read_body(stream, parser_context or {})
        return parse_yaml(raw) if raw.strip() else {}


class XYamlParser(YamlParser):
    """`application/x-yaml`."""

    media_type = "application/x-yaml"


class TextYamlParser(YamlParser):
    """`text/yaml`."""

    media_type = "text/yaml"


class TextXYamlParser(YamlParser):
    """`text/x-yaml`."""

    media_type = "text/x-yaml"


JSON_OR_YAML: list[type[BaseParser]] = [YamlParser, XYamlParser, TextYamlParser, TextXYamlParser, JsonParser]


def read_body(stream: IO[bytes], context: Mapping[str, Any]) -> bytes:
    """The bytes of the body, never more than the view's `max_body_bytes` (default: the setting `MAX_BODY_BYTES`).

    Raises:
        BodyTooLarge: the header announces more, or more arrives.
    """
    limit = int(getattr(context.get("view"), "max_body_bytes", None) or settings.MAX_BODY_BYTES)
    too_large = BodyTooLarge(f"Request body is larger than the limit of {limit} bytes")
    if _announced_length(context) > limit:
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
        InvalidInput: not JSON (NaN, Infinity and lone surrogates are not), or nested too deeply.
    """
    try:
        value = _exact_loads(raw) if _LONG_NUMBER.search(raw) else orjson.loads(raw)
    except (ValueError, RecursionError) as error:
        raise invalid((), "json_invalid", msg=f"Invalid JSON: {error}", received=raw.decode(errors="replace")) from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_deeper_than(value, MAX_DEPTH):
        raise invalid((), "json_invalid", msg=f"Invalid JSON: nested deeper than {MAX_DEPTH} levels", received="")
    return without_nul(value) if _ESCAPED_NUL in raw else value


def parse_yaml(raw: bytes) -> Any:
    """The value of YAML text as plain JSON values; dates stay text.

    Raises:
        InvalidInput: not YAML, more than plain data, or aliases that multiply it.
    """
    try:
        value = load_yaml(raw, max_depth=MAX_DEPTH)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
    text = request.META.get("CONTENT_LENGTH") if request is not None else None
    return int(text) if text and str(text).isdecimal() else 0


def _exact_loads(raw: bytes) -> Any:
    """The standard reader keeps every digit of a whole number, but lets through what JSON does not have."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    def finite(text: str) -> float:
        number = float(text)
        if math.isinf(number):
            raise ValueError("number is out of range")
        return number

    value = json.loads(raw.decode(), parse_constant=refuse, parse_float=finite)
    if b"\\u" in raw:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _is_deeper_than(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit + 1):
        level = [
            item
            for parent in level
            if isinstance(parent, dict | list)
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True
