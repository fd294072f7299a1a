"""Names of responses and of the items in them. An item's id carries that of its response, so that a reference to it
finds its row by key."""

import re
from uuid import UUID

RESPONSE_PREFIX = "resp_"
CONVERSATION_PREFIX = "conv_"
_PREFIXES = {
    "compaction": "cmp",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
    "file_search_call": "fs",
    "web_search_call": "ws",
}
_ITEM_ID = re.compile(r"[a-z]+_([0-9a-f]{32})_[io]\d+")
_LONGEST_ID = 45


def response_reference(response_id: UUID) -> str:
    """The id of a response as clients see it."""
    return RESPONSE_PREFIX + response_id.hex


def parse_response_reference(text: str) -> UUID | None:
    """The row's id, from either spelling; None when the text cannot be one."""
    return as_uuid(text.removeprefix(RESPONSE_PREFIX)) if len(text) <= _LONGEST_ID else None


def conversation_reference(conversation_id: UUID) -> str:
    """The id of a conversation as clients see it."""
    return CONVERSATION_PREFIX + conversation_id.hex


def parse_conversation_reference(text: str) -> UUID | None:
    """The row's id, from either spelling; None when the text cannot be one."""
    return as_uuid(text.removeprefix(CONVERSATION_PREFIX)) if len(text) <= _LONGEST_ID else None


def as_uuid(text: str) -> UUID | None:
    """The id a text says, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def output_item_id(kind: str, response_id: UUID, index: int) -> str:
    """The id of the item at this place of the answer."""
    return f"{_PREFIXES[kind]}_{response_id.hex}_o{index}"


def input_item_id(kind: str, response_id: UUID, index: int) -> str:
    """The id of the item at this place of the input."""
    return f"{_PREFIXES[kind]}_{response_id.hex}_i{index}"


def response_of_item(item_id: str) -> UUID | None:
    """The response an item belongs to, when its id was made here."""
    found = _ITEM_ID.fullmatch(item_id)
    return UUID(found[1]) if found else None
