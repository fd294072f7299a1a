"""`offline/echo`: a model that needs no key and no network, for trying things out and for the demo.

It understands nothing. Its answer is a fixed function of the last message that is not the assistant's:

* asked for one thing per line, it writes lines made of the subject and a fixed row of aspects: as many as the first
  number in the text says, five without one, twelve at most;
* given more than five sentences, it picks the three whose words are most frequent in them;
* otherwise it gives the text back.

The subject is what follows the last colon of the first line that has one, else the first words that carry meaning.
When JSON is asked for, the answer is wrapped as `{"text": ...}`. Tools are never called.
"""

import json
import re
from collections import Counter
from typing import Any

from agents.llm.own.answer import completion
from agents.llm.request import ModelRequest, text_of

ECHO = "offline/echo"
_PREFIX = "offline/"
ASPECTS = (
    "overview",
    "how it works",
    "examples",
    "history",
    "common problems",
    "best practices",
    "alternatives",
    "recent developments",
    "tools",
    "costs and limits",
    "criticism",
    "future",
)
_USUAL_LINES = 5
_SHORT_ENOUGH_FOR_AN_ORDER = 1500
_PICKED_SENTENCES = 3
_FEW_SENTENCES = 5
_PER_LINE = re.compile(r"\b(per|each|separate|new|own) line\b|\b(numbered|bullet(ed)?) list\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]{3,}")
_STOP_WORDS = frozenset(
    "about all and any are assistant but can create each for from generate give has have how into its line list not "
    "one our out per please query queries related search some such text that the their them then there these they "
    "this topic was well were what when which who will with write you your".split()
)


def answer(request: ModelRequest) -> dict[str, Any]:
    """The completion of a request."""
    asked = [text_of(message) for message in request.messages if message.get("role") != "assistant"]
    text = echo(asked[-1] if asked else "")
    wanted = request.settings.get("response_format")
    if isinstance(wanted, dict) and str(wanted.get("type", "")).startswith("json"):
        text = json.dumps({"text": text}, ensure_ascii=False)
    told = completion(request, {"content": text})
    (choice,) = told["choices"]
    return {**told, "choices": [{**choice, "index": place} for place in range(request.settings.get("n") or 1)]}


def is_offline(model: str) -> bool:
    """The model is one of ours, which need no provider."""
    return model.startswith(_PREFIX)


def echo(prompt: str) -> str:
    """The answer to a prompt; never empty."""
    text = prompt.strip()
    if len(text) < _SHORT_ENOUGH_FOR_AN_ORDER and _PER_LINE.search(text):
        return "\n".join(_lines(text))
    sentences = _sentences(text)
    if len(sentences) > _FEW_SENTENCES:
        return "\n".join(_most_typical(sentences))
    return text or "(the prompt is empty)"


def _lines(text: str) -> list[str]:
    number = re.search(r"\b\d{1,6}\b", text)
    count = min(max(int(number[0]), 1), len(ASPECTS)) if number else _USUAL_LINES
    subject = _subject(text)
    return [f"{subject} {aspect}" for aspect in ASPECTS[:count]]


def _subject(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        _, colon, after = line.rpartition(":")
        named = after.strip() or (lines[index + 1] if colon and index + 1 < len(lines) else "")
        if colon and named:
            return named.rstrip(".")[:100]
    words = [word for word in _WORD.findall(text) if word.lower() not in _STOP_WORDS]
    return " ".join(dict.fromkeys(words[:4])) or "this"


def _sentences(text: str) -> list[str]:
    """Sentences of the material: what follows the first line that ends in a colon, else everything."""
    _, announced, material = text.partition(":\n")
    pieces = re.split(r"(?<=[.!?])\s+|\n+", material if announced and material.strip() else text)
    return list(dict.fromkeys(piece.strip() for piece in pieces if len(piece.split()) > 3))


def _most_typical(sentences: list[str]) -> list[str]:
    words = {sentence: _meaningful(sentence) for sentence in sentences}
    frequency = Counter(word for found in words.values() for word in found)

    def typical(sentence: str) -> float:
        found = words[sentence]
        return sum(frequency[word] for word in found) / (len(found) + 5)

    picked = set(sorted(sentences, key=typical, reverse=True)[:_PICKED_SENTENCES])
    return [sentence for sentence in sentences if sentence in picked]


def _meaningful(sentence: str) -> list[str]:
    return sorted({word.lower() for word in _WORD.findall(sentence)} - _STOP_WORDS)
