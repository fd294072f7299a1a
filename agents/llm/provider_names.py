"""Names of tools and speakers as providers take them. Ours may be in any script, and longer."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from julep_project.core.json_value import Json

_LONGEST = 64
_TAKEN = re.compile(rf"[a-zA-Z0-9_-]{{1,{_LONGEST}}}")
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGEST = 10


def provider_name(name: str) -> str:
    """The name for the provider, the same whenever it is asked for: the own one, if it will do."""
    return name if not name or _TAKEN.fullmatch(name) else _with_digest(_OTHERS.sub("_", name), name)


def speaker_name(name: str) -> str:
    """The name of who speaks, the same whenever it is asked for; two names stay two."""
    if _TAKEN.fullmatch(name):
        return name
    letters = [letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter)]
    shown = _OTHERS.sub("_", "".join(letters)).strip("_")
    is_lost = len(shown) > _LONGEST or any(letter.isalnum() and not letter.isascii() for letter in letters)
    return _with_digest(shown or "name", name) if is_lost or not shown else shown


def own_names(tools: Iterable[Mapping[str, Json]]) -> dict[str, str]:
    """Of tools that the provider knows by another name, the own one of each."""
    names = [name for tool in tools if (name := _name_of(tool)) is not None]
    return {shown: name for name in names if (shown := provider_name(name)) != name}


def with_provider_names(message: Mapping[str, Json]) -> dict[str, Json]:
    """A tool, a choice of one or a message, with the names that the provider takes."""
    renamed = dict(message)
    if isinstance(renamed.get("function"), Mapping):
        renamed["function"] = _renamed(renamed["function"])
    if isinstance(renamed.get("tool_calls"), list):
        renamed["tool_calls"] = [
            with_provider_names(call) if isinstance(call, Mapping) else call for call in renamed["tool_calls"]
        ]
    if renamed.get("role") == "tool":
        return _renamed(renamed)
    if renamed.get("role") and isinstance(renamed.get("name"), str):
        renamed["name"] = speaker_name(renamed["name"])
    return renamed


def _with_digest(shown: str, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"{shown[: _LONGEST - _DIGEST - 1]}_{digest[:_DIGEST]}"


def _renamed(named: Mapping[str, Json]) -> dict[str, Json]:
    name = named.get("name")
    return {**named, "name": provider_name(name)} if isinstance(name, str) else dict(named)


def _name_of(tool: Mapping[str, Json]) -> str | None:
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None
