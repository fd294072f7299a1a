"""Answers judged by the types of a published client: whatever those do not know is told of."""

from typing import Any, TypeVar

from pydantic import BaseModel

from tests.surfaces.published import foreign_keys

Judged = TypeVar("Judged", bound=BaseModel)


def judged(kind: type[Judged], answer: Any) -> Judged:
    """The answer, as its type; an AssertionError where it has more, a ValidationError where it has something else."""
    found = kind.model_validate(answer)
    assert foreign_keys(found, kind.__name__) == []
    return found
