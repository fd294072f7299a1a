"""How much work something does that is fed piece by piece, told without a clock: by the bytes each piece makes it ask
for. Whoever copies or looks through all that came before asks for more and more of them."""

import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any


def bytes_asked_for(take: Callable[[Any], object], pieces: Iterable[Any]) -> int:
    """The bytes that taking the pieces asks for, those given back at once included."""
    total = 0
    tracemalloc.start()
    try:
        for piece in pieces:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            take(piece)
            total += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return total
