"""Keeps what a tool's definition holds out of the errors of its calls: servers like to repeat what they were sent."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from agents.tools.errors import ToolError
from agents.vault.masking import MASK, Masker
from julep_project.core.http import COMMON_HEADERS, LONGEST_WORD
from julep_project.core.json_value import Json

NO_SECRETS: Mapping[str, str] = MappingProxyType({})

# A shorter text says little, and may be part of any word.
_SHORTEST = 6
# Parts of a definition that errors may name.
_OPEN = frozenset(
    {
        "method",
        "provider",
        "resource",
        "subresource",
        "operation",
        "resource_id",
        "schema",
        "params_schema",
        "places",
        "host",
        "command",
        "transport",
        "name",
        "parameters",
        "pin",
        "state",
        "server_id",
        "of_tool",
        "tools",
        "connection",
    }
)
_ADDRESSES = frozenset({"url", "server_url", "http_url"})
_HEADERS = frozenset({"headers", "http_headers"})
_WITHIN = frozenset({"setup", "server"})


@contextmanager
def hiding(spec: Mapping[str, Json], secrets: Mapping[str, str] = NO_SECRETS) -> Iterator[None]:
    """Mask in the errors of the block what the spec of a tool holds, and the values of secrets, given by name.

    Raises:
        ToolError: with the values masked.
    """
    try:
        yield
    except ToolError as error:
        plain = Masker({text: MASK for text in _secrets_of(spec) if len(text) >= _SHORTEST})
        named = Masker.of_secrets(secrets)
        error.message = plain.text(named.excerpt(error.message))
        error.args = (error.message, *error.args[1:])
        error.details = {name: _masked(value, plain, named) for name, value in error.details.items()}
        raise


def _masked(value: Json, plain: Masker, named: Masker) -> Json:
    return plain.text(named.excerpt(value)) if isinstance(value, str) else plain.value(named.value(value))


def _secrets_of(spec: Mapping[str, Json]) -> Iterator[str]:
    for name, value in spec.items():
        if name in _ADDRESSES and isinstance(value, str):
            yield from _in_address(value)
        elif name in _HEADERS and isinstance(value, Mapping):
            yield from _texts({key: part for key, part in value.items() if str(key).lower() not in COMMON_HEADERS})
        elif name in _WITHIN and isinstance(value, Mapping):
            yield from _secrets_of(value)
        elif name not in _OPEN:
            yield from _texts(value)


def _texts(value: Json) -> Iterator[str]:
    """Every text in the value, and its words: of `Bearer KEY` a server may repeat the key alone."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
        yield from (word for word in value.split() if len(word) > LONGEST_WORD)
        yield from (found for _, found in parse_qsl(value) if len(found) >= _SHORTEST)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _in_address(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        yield url
        return
    for text in (parts.password, parts.query):
        if text:
            yield text
            yield unquote(text)
    yield from (found for _, found in parse_qsl(parts.query))
    yield from (segment for segment in parts.path.split("/") if len(segment) > LONGEST_WORD)
