"""What a server said, as steps and models get it."""

from collections.abc import Mapping, Sequence

from agents.tools.errors import ReportedError, ToolError
from agents.tools.mcp.listing import cleaned
from agents.tools.mcp.server import Answer
from julep_project.core.json_value import Json
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem

_LONGEST_ERROR = 2_000
_OF_PROTOCOL = frozenset({"_meta", "resultType", "ttlMs", "cacheScope"})
# As other tools give pictures: a data URL.
_MEDIA = {"image": "base64_image", "audio": "base64_audio"}


def whole_result(answer: Answer) -> dict[str, Json]:
    """All of a result: `{text, structured, content, is_error}`, with `declined` if the server asked a person."""
    content = [_item(part) for part in _content(answer)]
    texts = [part["text"] for part in content if part.get("type") == "text" and isinstance(part.get("text"), str)]
    whole: dict[str, Json] = {
        "text": "\n".join(texts) if texts else None,
        "structured": answer.value.get("structuredContent"),
        "content": content,
        "is_error": answer.value.get("isError") is True,
    }
    return {**whole, "declined": _declined(answer)} if answer.declined else whole


def short_result(answer: Answer, output_schema: Mapping[str, Json] | None) -> Json:
    """The result of a call that went well: its structured content, else its text, else all of it.

    Raises:
        ReportedError: the tool says that it failed. ToolError: what it gave does not fit the schema of its output.
    """
    whole = whole_result(answer)
    if whole["is_error"]:
        asked = " (it had asked a person something, and was declined)" if answer.declined else ""
        text = cleaned(str(whole["text"] or "it does not say why"), _LONGEST_ERROR)
        raise ReportedError(f"the tool failed{asked}: {text}", details={"declined": len(answer.declined)})
    if output_schema is not None:
        _check(output_schema, whole["structured"])
    if "declined" in whole:
        return whole
    if whole["structured"] is not None:
        return whole["structured"]
    if all(part.get("type") == "text" for part in whole["content"]):
        return whole["text"] or ""
    return {name: whole[name] for name in ("text", "content")}


def other_result(answer: Answer) -> dict[str, Json]:
    """The result of another method, as the server gave it."""
    value = {name: part for name, part in answer.value.items() if name not in _OF_PROTOCOL}
    return {**value, "declined": _declined(answer)} if answer.declined else value


def _declined(answer: Answer) -> Json:
    return [{"message": message, "answer": "decline"} for message in answer.declined]


def _content(answer: Answer) -> Sequence[Mapping[str, Json]]:
    content = answer.value.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []


def _item(part: Mapping[str, Json]) -> dict[str, Json]:
    """Pictures and sounds as data URLs; links and resources as they came."""
    kept = {name: value for name, value in part.items() if name != "_meta"}
    key = _MEDIA.get(str(part.get("type")))
    if key is None or not isinstance(part.get("data"), str):
        return kept
    kind = str(part.get("mimeType") or "application/octet-stream")
    data = kept.pop("data")
    return {**kept, key: f"data:{kind};base64,{data}"}


def _check(schema: Mapping[str, Json], value: Json) -> None:
    if value is None:
        raise ToolError("the tool says what it gives, and gave no structured content", repeatable=True)
    try:
        problem = find_problem(schema, value)
    except UnusableSchema as error:
        raise ToolError(f"the schema of what the tool gives cannot be used: {error}"[:500]) from error
    if problem is not None:
        message = f"what the tool gave does not fit the schema of its output: {problem.message} (at {problem.path})"
        raise ToolError(message[:500], repeatable=True)
