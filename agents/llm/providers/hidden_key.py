"""Keeps the key that a model is called with out of its answer: whoever is at the other end may repeat it."""

from collections.abc import Mapping
from typing import Any

from agents.llm.chunks import Chunk
from agents.vault.masking import MASK, MaskedStream, Masker
from julep_project.core.json_value import Json

# Of a choice and its parts: where a text is that comes in pieces. Last is the field of a part, where there are parts.
_Place = tuple[int, str, int, str]

# Some providers tell texts in parts, of which these fields are texts that the next chunk goes on with.
_TEXTS_OF_PARTS = ("text", "thinking", "refusal", "reasoning", "content", "summary")


class HiddenKey:
    """For one answer. Texts come in pieces: what may be the beginning of the key waits for what follows it."""

    def __init__(self, api_key: str | None) -> None:
        self._masker = Masker({api_key: MASK} if api_key else {})
        self._streams: dict[_Place, MaskedStream] = {}
        self._types: dict[_Place, Json] = {}

    def whole(self, answer: dict[str, Json]) -> dict[str, Json]:
        """A whole answer without the key."""
        masked: dict[str, Json] = self._masker.value(answer)
        return masked

    def chunk(self, chunk: Chunk) -> Chunk:
        """A chunk without the key, and without what may be the beginning of it. The last one of a choice has all."""
        if not self._masker:
            return chunk
        choices = [self._choice(choice) for choice in chunk.get("choices") or ()]
        return {**self._masker.value({**chunk, "choices": []}), "choices": choices}

    def rest(self) -> list[Chunk]:
        """What still waits when the answer has ended without saying so."""
        indexes = sorted({index for index, *_ in self._streams})
        choices = [{"index": index, "delta": self._with_rest(index, {}), "finish_reason": None} for index in indexes]
        told = [choice for choice in choices if choice["delta"]]
        return [{"choices": told}] if told else []

    def _choice(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        delta = choice.get("delta")
        told = self._delta(index, delta) if isinstance(delta, Mapping) else delta
        if choice.get("finish_reason") and isinstance(told, Mapping):
            told = self._with_rest(index, told)
        return {**self._masker.value({**choice, "delta": None}), "delta": told}

    def _delta(self, index: int, delta: Mapping[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, value in delta.items():
            if name == "tool_calls" and isinstance(value, list):
                told[name] = [self._call(index, place, call) for place, call in enumerate(value)]
            elif isinstance(value, str) and name != "role":
                told[name] = self._stream((index, name, 0, "")).add(value)
            elif isinstance(value, list):
                told[name] = [self._part((index, name, place, ""), part) for place, part in enumerate(value)]
            else:
                told[name] = self._masker.value(value)
        return told

    def _call(self, index: int, place: int, call: Json) -> Json:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("arguments"), str):
            return self._masker.value(call)
        number = call.get("index")
        stream = self._stream((index, "tool_calls", number if isinstance(number, int) else place, ""))
        told = self._masker.value({**call, "function": {**function, "arguments": ""}})
        return {**told, "function": {**told["function"], "arguments": stream.add(function["arguments"])}}

    def _part(self, at: _Place, part: Json) -> Json:
        """One of the parts of a text or of thoughts. Those of the next chunk go on with those at their places."""
        if not isinstance(part, Mapping):
            return self._masker.value(part)
        texts = {field: part[field] for field in _TEXTS_OF_PARTS if isinstance(part.get(field), str)}
        told = self._masker.value({**part, **dict.fromkeys(texts)})
        for field, text in texts.items():
            place = (*at[:3], field)
            self._types[place] = part.get("type")
            told[field] = self._stream(place).add(text)
        if part.get("signature"):  # of what was thought, to the last character
            for place, stream in self._streams.items():
                if place[:3] == at[:3] and place[3]:
                    told[place[3]] = (told.get(place[3]) or "") + stream.end()
        return told

    def _with_rest(self, index: int, delta: Mapping[str, Any]) -> dict[str, Any]:
        told = dict(delta)
        for place, stream in self._streams.items():
            of, name, number, field = place
            rest, before = stream.end() if of == index else "", told.get(name)
            if not rest:
                continue
            if name == "tool_calls":
                told[name] = [*(before or ()), {"index": number, "function": {"arguments": rest}}]
            elif isinstance(before, list) or (field and not before):
                told[name] = [*(before or ()), {"type": self._types.get(place, "text"), field or "text": rest}]
            else:
                told[name] = (before or "") + rest
        return told

    def _stream(self, place: _Place) -> MaskedStream:
        return self._streams.setdefault(place, MaskedStream(self._masker))
