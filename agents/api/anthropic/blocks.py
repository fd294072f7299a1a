"""Blocks of a content as the parts of a message that a model is asked with."""

import base64
import binascii
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from agents.api.anthropic.part import Part, parts_of
from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused
from julep_project.core.reading.validation import Path, invalid, not_one_of, path_text

Parts = list[dict[str, Json]]

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"
_LIFETIMES = ("5m", "1h")
_FAILED = "The call failed:"
_NO_CITATIONS = "this server gives no citations"
_NO_FILES = "send the content itself, or an address"
# What the published schema knows besides: results of tools that run at the provider, and their files.
_ELSEWHERE = (
    "bash_code_execution_tool_result",
    "browser_state",
    "code_execution_tool_result",
    "container_upload",
    "server_tool_use",
    "text_editor_code_execution_tool_result",
    "tool_reference",
    "tool_search_tool_result",
    "web_fetch_tool_result",
    "web_search_tool_result",
)


def read_cache_control(given: Json, loc: Path) -> dict[str, Json]:
    """How the provider is to keep the prompt up to here.

    Raises:
        InvalidInput
    """
    control = Part.at(given, loc).only("type", "ttl")
    kept = {"type": control.choice("type", ("ephemeral",))}
    return {**kept, "ttl": control.choice("ttl", _LIFETIMES)} if control.has("ttl") else kept


def cached(part: Mapping[str, Json], block: Part) -> dict[str, Json]:
    """The part with what its block says of caching."""
    if not block.has("cache_control"):
        return dict(part)
    return {**part, "cache_control": read_cache_control(block.fields["cache_control"], (*block.loc, "cache_control"))}


def blocks_of(content: Json, loc: Path, kinds: Collection[str]) -> Iterator[Part]:
    """The blocks of a content, each of a known type; a text counts as one.

    Raises:
        InvalidInput
        ParameterRefused: it is of a type that only tools of the provider's make.
    """
    if content is None:
        raise invalid(loc, "missing")
    if isinstance(content, str):
        if not content:
            raise invalid(loc, "string_too_short", bound=1, received=content)
        yield Part({"type": "text", "text": content}, loc)
        return
    if not isinstance(content, list):
        raise invalid(loc, "list_type", msg="Input should be a text or a list of blocks", received=content)
    if not content:
        raise invalid(loc, "too_short", bound=1, received=content)
    for block in parts_of(content, loc):
        _check_kind(block, kinds)
        yield block


def read_parts(content: Json, loc: Path, readers: "Readers") -> Parts:
    """The parts of a message that the blocks of a content are.

    Raises:
        InvalidInput, ParameterRefused
    """
    return [part for block in blocks_of(content, loc, readers) for part in read_block(block, readers)]


def read_block(block: Part, readers: "Readers") -> Parts:
    """Those of one block."""
    return readers[str(block.fields["type"])](block)


def simple_content(parts: Parts) -> Json:
    """Parts as the content of a message: the text, if that is all there is."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts


def _check_kind(block: Part, kinds: Collection[str]) -> None:
    kind = block.fields.get("type")
    if kind is None:
        raise invalid((*block.loc, "type"), "missing")
    if isinstance(kind, str) and kind in kinds:
        return
    if kind in _ELSEWHERE:
        raise ParameterRefused(path_text((*block.loc, "type")), f"blocks of the type {kind} are of tools run elsewhere")
    raise not_one_of((*block.loc, "type"), list(kinds), kind)


def read_text(block: Part) -> Parts:
    """A block of text."""
    block.only("type", "text", "cache_control", "citations")
    block.refuse("citations", _NO_CITATIONS, idle=([],))
    return [cached({"type": "text", "text": block.text("text", min_length=1)}, block)]


def _image(block: Part) -> Parts:
    block.only("type", "source", "cache_control", "transformations")
    block.refuse("transformations", "images are passed on as they are")
    source = block.part("source")
    return [
        cached({"type": "image_url", "image_url": {"url": _SOURCES[_kind_of(source, _IMAGE_KINDS)](source)}}, block)
    ]


def _document(block: Part) -> Parts:
    block.only("type", "source", "cache_control", "citations", "context", "title")
    _refuse_citations(block)
    source = block.part("source")
    kind = _kind_of(source, ("base64", "url", "text", "content", "file"))
    named = [block.text(name) for name in ("title", "context") if block.has(name)]
    about: Parts = [{"type": "text", "text": "\n".join(named)}] if named else []
    if kind == "text":
        source.only("type", "data", "media_type").choice("media_type", ("text/plain",))
        held: Parts = [{"type": "text", "text": source.text("data", min_length=1)}]
    elif kind == "content":
        inner = source.only("type", "content").fields.get("content")
        held = read_parts(inner, (*source.loc, "content"), _OF_DOCUMENTS)
    else:
        held = [{"type": "file", "file": _file(source, kind, named[0] if block.has("title") else "document.pdf")}]
    return [*about, *held[:-1], cached(held[-1], block)]


def _search_result(block: Part) -> Parts:
    block.only("type", "content", "source", "title", "cache_control", "citations")
    _refuse_citations(block)
    about = {"type": "text", "text": f"{block.text('title')}\n{block.text('source')}"}
    content = block.fields.get("content")
    if isinstance(content, str):
        raise invalid((*block.loc, "content"), "list_type", received=content)
    found = read_parts(content, (*block.loc, "content"), TEXTS)
    return [about, *found[:-1], cached(found[-1], block)]


def _file(source: Part, kind: str, name: str) -> dict[str, Json]:
    """A PDF, as it is or at an address."""
    if kind == "url":
        return {"file_id": _address(source)}
    source.only("type", "data", "media_type").choice("media_type", (_PDF,))
    return {"filename": name, "file_data": f"data:{_PDF};base64,{_base64(source)}"}


def _refuse_citations(block: Part) -> None:
    if block.has("citations"):
        block.part("citations").only("enabled").refuse("enabled", _NO_CITATIONS, idle=(False,))


def _kind_of(source: Part, kinds: tuple[str, ...]) -> str:
    kind = source.choice("type", kinds)
    if kind == "file":
        raise ParameterRefused(path_text((*source.loc, "type")), _NO_FILES)
    return kind


def _picture(source: Part) -> str:
    kind = source.only("type", "data", "media_type").choice("media_type", _IMAGES)
    return f"data:{kind};base64,{_base64(source)}"


def _address(source: Part) -> str:
    url = source.only("type", "url").text("url")
    if not url.lower().startswith(("https://", "http://")):
        raise invalid((*source.loc, "url"), "url_parsing", received=url)
    return url


def _base64(source: Part) -> str:
    data = source.text("data", min_length=1)
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid((*source.loc, "data"), "value_error", msg="The data are not base64", received=data) from None
    return data


def read_result(block: Part) -> dict[str, Json]:
    """The message that tells a model what its call gave.

    Raises:
        InvalidInput, ParameterRefused
    """
    block.only("type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name")
    block.refuse("toolset_name", "toolsets run elsewhere")
    content = block.fields.get("content")
    parts = read_parts(content, (*block.loc, "content"), _OF_RESULTS) if content not in (None, "", []) else []
    if block.flag("is_error"):
        parts = _failed(parts)
    if parts:
        parts = [*parts[:-1], cached(parts[-1], block)]
    id_ = block.text("tool_use_id", min_length=1)
    return {"role": "tool", "tool_call_id": id_, "content": simple_content(parts) or ""}


def _failed(parts: Parts) -> Parts:
    """The chat completions API has no other way to say so."""
    if parts and parts[0]["type"] == "text":
        return [{**parts[0], "text": f"{_FAILED} {parts[0]['text']}"}, *parts[1:]]
    return [{"type": "text", "text": _FAILED}, *parts]


Reader = Callable[[Part], Parts]
Readers = Mapping[str, Reader]
_IMAGE_KINDS = ("base64", "url", "file")
_SOURCES: Mapping[str, Callable[[Part], Any]] = {"base64": _picture, "url": _address}
TEXTS: Readers = {"text": read_text}
_OF_DOCUMENTS: Readers = {**TEXTS, "image": _image}
_OF_RESULTS: Readers = {**_OF_DOCUMENTS, "document": _document, "search_result": _search_result}
OF_USERS: Readers = _OF_RESULTS
