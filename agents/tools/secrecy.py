"""Keeps what a tool's definition holds out of the errors of its calls: servers like to repeat what they were sent."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl, unquote, urlsplit

from agents.tools.definition import MASK
from agents.tools.errors import ToolError
from julep_project.core.http import COMMON_HEADERS, LONGEST_WORD
from julep_project.core.json_value import Json

# A shorter text says little, and may be part of any word.
_SHORTEST = 6
# Parts of a definition that errors may name.
_OPEN = frozenset(
    {"method", "provider", "resource", "subresource", "operation", "resource_id", "schema", "params_schema", "host"}
)
_ADDRESSES = frozenset({"url", "server_url"})


@contextmanager
def hiding(spec: Mapping[str, Json], more: Iterable[str] = ()) -> Iterator[None]:
    """Mask in the errors of the block what the spec of a tool holds.

    Raises:
        ToolError: with the values masked.
    """
    try:
        yield
    except ToolError as error:
        _mask(error, {*_secrets_of(spec), *more})
        raise


def _mask(error: ToolError, secrets: Iterable[str]) -> None:
    longest_first = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)

    def masked(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, MASK)
        return text

    error.message = masked(error.message)
    error.args = (error.message, *error.args[1:])
    error.details = {name: masked(value) if isinstance(value, str) else value for name, value in error.details.items()}


def _secrets_of(spec: Mapping[str, Json]) -> Iterator[str]:
    for name, value in spec.items():
        if name in _ADDRESSES and isinstance(value, str):
            yield from _in_address(value)
        elif name == "headers" and isinstance(value, Mapping):
            yield from _texts({key: part for key, part in value.items() if str(key).lower() not in COMMON_HEADERS})
        elif name == "setup" and isinstance(value, Mapping):
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
