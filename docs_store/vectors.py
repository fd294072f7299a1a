"""Vectors between Python, numpy and Postgres. They travel in the binary form of pgvector, which needs no parsing."""

import struct
from typing import Any

import numpy as np
from django.db.models import BinaryField, F, Func
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Postgres keeps 4-byte floats; more digits than these are noise in an answer.
_DECIMALS = 8
HEADER = struct.Struct(">HH")


class SentVector(Func):
    """A vector column in binary form; read it with `from_sent`."""

    function = "vector_send"
    output_field = BinaryField()

    def __init__(self, column: str = "vector") -> None:
        super().__init__(F(column))


def from_sent(data: bytes | memoryview) -> Floats:
    return np.frombuffer(data, dtype=">f4", offset=HEADER.size).astype(np.float32)


def to_plain(vector: Floats) -> list[float]:
    numbers: list[float] = np.round(vector.astype(np.float64), _DECIMALS).tolist()
    return numbers


def unit_vector(numbers: Any) -> Floats | None:
    """The direction of a vector of any length; None for numbers that point nowhere: zeros, not finite.

    Raises:
        ValueError, OverflowError, TypeError: these are not numbers.
    """
    values = np.asarray(numbers, dtype=np.float64)
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(values).all() or largest == 0.0:
        return None
    values = values / largest
    direction: Floats = (values / np.linalg.norm(values)).astype(np.float32)
    return direction
