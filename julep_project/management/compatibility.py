"""The generated parts of the page about compatibility: what becomes of each parameter of each compatible surface."""

from collections.abc import Iterator

from agents.api.anthropic.surface import COUNT_TOKENS, MESSAGES, MODELS
from agents.api.completion_body import CHAT_COMPLETIONS
from agents.api.embedding_body import EMBEDDINGS
from docs_store.api.openai.surfaces import STORE_SURFACES
from julep_project.core.markdown import codes, table, with_parts
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.surface import Fate, Parameter, Surface
from sessions.responses.wire.parameters import (
    COMPACT,
    CONVERSATION_CHANGES,
    CONVERSATION_ITEMS,
    CONVERSATIONS,
    INPUT_TOKENS,
    RESPONSES,
)

SURFACES: tuple[Surface, ...] = (
    CHAT_COMPLETIONS,
    EMBEDDINGS,
    MESSAGES,
    COUNT_TOKENS,
    MODELS,
    RESPONSES,
    INPUT_TOKENS,
    COMPACT,
    CONVERSATIONS,
    CONVERSATION_CHANGES,
    CONVERSATION_ITEMS,
    *STORE_SURFACES,
)

_TOLD = {Fate.SENT: "sent to the model", Fate.HONOURED: "honoured here", Fate.REFUSED: "refused with 400"}


def written(page: str) -> str:
    """The page with all its generated parts as they should be.

    Raises:
        ValueError: the page has no place for one of them.
    """
    return with_parts(page, {"surfaces": "\n\n".join(map(_section, SURFACES))})


def _section(surface: Surface) -> str:
    unknown = "ignored" if surface.ignores_unknown else "refused"
    return f"### {surface.name}\n\n`{surface.path}`. Others are {unknown}.\n\n{table(_HEAD, _rows(surface))}"


_HEAD = ("parameter", "what becomes of it", "")


def _rows(surface: Surface) -> Iterator[tuple[str, str, str]]:
    """Those of which the same is said stand in one row."""
    order = list(Fate)
    alike: dict[tuple[Fate, bool, str], list[str]] = {}
    for one in sorted(surface.parameters, key=lambda one: (order.index(one.fate), one.is_ours)):
        alike.setdefault((one.fate, one.is_ours, _note(one)), []).append(one.name)
    for (fate, _, note), names in alike.items():
        yield codes(names), _TOLD[fate], note


def _note(parameter: Parameter) -> str:
    taken = f"Taken: {codes(map(to_json_text, parameter.idle))}." if parameter.idle else ""
    ours = "Not in the published schema." if parameter.is_ours else ""
    return " ".join(filter(None, (parameter.note, taken, ours)))
