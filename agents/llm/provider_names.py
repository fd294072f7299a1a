"""Names of tools and speakers, and ids of calls, as providers take them. Ours may be in any script, and longer."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from julep_project.core.json_value import Json

_LONGEST = 64
_TAKEN = re.compile(rf"[a-zA-Z0-9_-]{{1,{_LONGEST}}}")
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGEST = 10
# Models whose providers take ids of nine letters and digits only, wherever they run.
_NINE_CHARACTERS = re.compile(r"(?:codes|devs|magis|minis|mis|pix)tral|mixtral", re.IGNORECASE)
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_OPENAI = frozenset({"azure", "openai"})
_LONGEST_CALL_ID = 40


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


def with_provider_ids(messages: Sequence[Mapping[str, Json]], provider: str, model: str) -> list[Mapping[str, Json]]:
    """The messages with ids of calls that the provider takes, each the same wherever it stands."""
    named = _naming_calls(provider, model)
    return list(messages) if named is None else [_with_ids(message, named) for message in messages]


def _naming_calls(provider: str, model: str) -> Callable[[str], str] | None:
    if provider == "mistral" or _NINE_CHARACTERS.search(model):
        return lambda given: given if _NINE.fullmatch(given) else _digest_of(given)[:9]
    if provider in _OPENAI:
        return lambda given: given if len(given) <= _LONGEST_CALL_ID else f"call_{_digest_of(given)[:32]}"
    return None


def _with_ids(message: Mapping[str, Json], named: Callable[[str], str]) -> Mapping[str, Json]:
    changed = dict(message)
    if isinstance(changed.get("tool_call_id"), str):
        changed["tool_call_id"] = named(changed["tool_call_id"])
    if isinstance(changed.get("tool_calls"), list):
        changed["tool_calls"] = [
            {**call, "id": named(call["id"])} if isinstance(call, Mapping) and isinstance(call.get("id"), str) else call
            for call in changed["tool_calls"]
        ]
    return changed


def _with_digest(shown: str, name: str) -> str:
    return f"{shown[: _LONGEST - _DIGEST - 1]}_{_digest_of(name)[:_DIGEST]}"


def _digest_of(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def _renamed(named: Mapping[str, Json]) -> dict[str, Json]:
    name = named.get("name")
    return {**named, "name": provider_name(name)} if isinstance(name, str) else dict(named)


def _name_of(tool: Mapping[str, Json]) -> str | None:
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None
