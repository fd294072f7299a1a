"""Items as clients see them, and what they may ask to see of them."""

from collections.abc import Collection, Mapping

from julep_project.core.json_value import Json

Item = dict[str, Json]

FILE_SEARCH_RESULTS = "file_search_call.results"
WEB_SEARCH_SOURCES = "web_search_call.action.sources"
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"
# What a request may ask for. Of the others either nothing is ever there, or everybody gets it.
INCLUDABLE = (
    FILE_SEARCH_RESULTS,
    WEB_SEARCH_SOURCES,
    LOGPROBS,
    ENCRYPTED_REASONING,
    "web_search_call.results",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
)
# Kept for telling an item again.
_KEPT = ("pieces", "tokens")


def shown_item(item: Mapping[str, Json], include: Collection[str]) -> Item:
    """An item as clients see it: without what is kept for telling it again, with other things only if they are
    wanted."""
    shown = without_kept(item)
    kind = item["type"]
    if kind == "message":
        shown["content"] = [_shown_part(part, include) for part in item["content"]]
    elif kind == "reasoning" and ENCRYPTED_REASONING not in include:
        shown.pop("encrypted_content", None)
    elif kind == "file_search_call" and FILE_SEARCH_RESULTS not in include:
        shown["results"] = None
    elif kind == "web_search_call":
        results = shown.pop("results", None)
        if WEB_SEARCH_SOURCES in include and results:
            sources = [{"type": "url", "url": found["url"]} for found in results if found.get("url")]
            shown["action"] = {**shown["action"], "sources": sources}
    return shown


def without_kept(item: Mapping[str, Json]) -> Item:
    """An item without what is kept for telling it again."""
    return {name: value for name, value in item.items() if name not in _KEPT}


def _shown_part(part: Mapping[str, Json], include: Collection[str]) -> Item:
    if part["type"] != "output_text":
        return dict(part)
    return {**part, "logprobs": part.get("logprobs") or [] if LOGPROBS in include else []}
