"""What clients keep for this server and send back, without being able to read or to change it: what a model thought,
and what a conversation came down to.

It is sealed with the keys of secrets, for one developer and one purpose.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from uuid import NAMESPACE_OID, UUID, uuid5

from agents.vault.errors import SecretNotReadable, SecretsNotConfigured
from agents.vault.sealing import Place, Sealed, open_sealed, seal
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.parsers import parse_json
from sessions.responses.wire.errors import at

Item = Mapping[str, Json]

_ABOUT_SUMMARY = "What was said before, in short:\n\n"


class Purpose(Enum):
    """What something is sealed for, which stands in the place of a secret's id."""

    THOUGHTS = uuid5(NAMESPACE_OID, "responses/reasoning")
    SUMMARY = uuid5(NAMESPACE_OID, "responses/compaction")


def seal_thoughts(developer_id: UUID, model: str, blocks: Sequence[Json]) -> str | None:
    """What a model thought, for the time when it is asked again; None where this server has no key to seal with."""
    try:
        return _seal(developer_id, Purpose.THOUGHTS, {"model": model, "blocks": list(blocks)})
    except SecretsNotConfigured:
        return None


def seal_summary(developer_id: UUID, text: str) -> str:
    """What a conversation came down to.

    Raises:
        SecretsNotConfigured
    """
    return _seal(developer_id, Purpose.SUMMARY, {"text": text})


def opened_items(developer_id: UUID, model: str, items: Iterable[Item]) -> list[Item]:
    """The items with what is sealed in them, as far as it is for this model: thoughts as `thinking_blocks`, a summary
    as a message.

    Raises:
        BadRequest: something was not sealed here, or was changed.
    """
    return [_opened(developer_id, model, item) for item in items]


def _opened(developer_id: UUID, model: str, item: Item) -> Item:
    if item["type"] == "compaction":
        text = _ABOUT_SUMMARY + _open(developer_id, Purpose.SUMMARY, item)["text"]
        parts = [{"type": "input_text", "text": text}]
        # What it is made of are words of users and tools, too: it has no say over the rules.
        return {"id": item["id"], "type": "message", "role": "user", "status": "completed", "content": parts}
    if item["type"] == "reasoning" and item.get("encrypted_content"):
        thoughts = _open(developer_id, Purpose.THOUGHTS, item)
        return {**item, "thinking_blocks": thoughts["blocks"]} if thoughts["model"] == model else item
    return item


def _seal(developer_id: UUID, purpose: Purpose, value: Json) -> str:
    sealed = seal(to_json_text(value), Place(developer_id, None, purpose.value))
    return f"{sealed.fingerprint}.{sealed.text}"


def _open(developer_id: UUID, purpose: Purpose, item: Item) -> Mapping[str, Json]:
    fingerprint, _, text = item["encrypted_content"].partition(".")
    try:
        found = open_sealed(Sealed(text, fingerprint), Place(developer_id, None, purpose.value))
    except (SecretNotReadable, SecretsNotConfigured) as error:
        named = str(item["id"])[:80]
        text = f"encrypted_content of the item {named!r} was not made here, or was changed"
        raise at(BadRequest(text), "input") from error
    value: Mapping[str, Json] = parse_json(found.encode())
    return value
