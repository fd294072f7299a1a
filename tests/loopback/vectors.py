"""What the loopback provider answers when asked for embeddings."""

import hashlib
from typing import Any

EMBEDDING_SIZE = 8


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """A vector for each text, fixed by the text; as long as asked for."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    size = body.get("dimensions") or EMBEDDING_SIZE
    used = sum(len(str(text).split()) for text in texts)
    return answer_of([vector(text, size) for text in texts], body["model"], used)


def answer_of(vectors: list[Any], model: str = "loopback", used: int = 0) -> dict[str, Any]:
    """The body of an answer with these vectors."""
    rows = [{"object": "embedding", "index": index, "embedding": given} for index, given in enumerate(vectors)]
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "model": model, "data": rows, "usage": usage}


def vector(text: object, size: int = EMBEDDING_SIZE) -> list[float]:
    """The vector of a text."""
    digest = hashlib.shake_256(str(text).encode()).digest(size) if size > EMBEDDING_SIZE else _short(text)
    return [byte / 255 for byte in digest[:size]]


def _short(text: object) -> bytes:
    return hashlib.sha256(str(text).encode()).digest()
