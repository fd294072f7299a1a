"""An embedding model whose answers the test decides."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from agents.llm import gateway
from agents.models import Developer

# Stands between the title of a doc and its chunk.
TITLE_END = "\n\n"


class KnownVectors:
    """Gives each text the vector the test has for it, else `default`; raises the next of `errors` first.

    `calls` has the model and the texts of every call, without the titles before them; `asked` the texts as they came,
    `lengths` the dimensions asked for.
    """

    def __init__(self) -> None:
        self.vectors: dict[str, Sequence[float]] = {}
        self.default: Sequence[float] = (1.0, 0.0, 0.0)
        self.errors: list[Exception] = []
        self.refused: dict[str, Exception] = {}
        self.calls: list[tuple[str | None, list[str]]] = []
        self.asked: list[str] = []
        self.lengths: list[int | None] = []
        self._lock = threading.Lock()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of the gateway's embedding functions."""
        monkeypatch.setattr(gateway, "embed", self.embed)
        monkeypatch.setattr(gateway, "aembed", self.aembed)

    def embed(
        self, developer: Developer, texts: Sequence[str], *, model: str | None = None, **options: Any
    ) -> list[list[float]]:
        self.asked += texts
        texts = [text.rpartition(TITLE_END)[2] for text in texts]
        with self._lock:
            self.lengths.append(options.get("dimensions"))
            self.calls.append((model, list(texts)))
            if self.errors:
                raise self.errors.pop(0)
        for text in texts:
            if text in self.refused:
                raise self.refused[text]
        return [list(self.vectors.get(text, self.default)) for text in texts]

    async def aembed(
        self, developer: Developer, texts: Sequence[str], *, model: str | None = None, **options: Any
    ) -> list[list[float]]:
        return self.embed(developer, texts, model=model, **options)
