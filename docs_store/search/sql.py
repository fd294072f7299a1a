"""Statements put together from pieces, each with its parameters."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of a statement with its parameters."""

    text: str
    parameters: tuple[Any, ...] = ()

    @classmethod
    def joined(cls, pieces: "Iterable[Sql]", between: str) -> "Sql":
        found = list(pieces)
        return cls(between.join(piece.text for piece in found), tuple(p for piece in found for p in piece.parameters))
